-- about: no vector holds NaN or infinity
-- severity: error
-- blocking: yes
SELECT caption_id, shard FROM image_embeddings WHERE NOT finite
