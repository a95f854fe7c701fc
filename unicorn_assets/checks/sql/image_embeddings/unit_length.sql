-- about: each vector has length 1, within what fp16 keeps
-- severity: error
-- blocking: yes
SELECT caption_id, shard, norm FROM image_embeddings WHERE finite AND abs(norm - 1) > 0.005
