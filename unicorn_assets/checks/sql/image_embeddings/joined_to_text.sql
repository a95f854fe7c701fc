-- about: each text vector was moved, and nothing else
-- severity: error
-- blocking: yes
SELECT coalesce(v.caption_id, t.caption_id) AS caption_id, coalesce(v.shard, t.shard) AS shard
FROM image_embeddings AS v FULL JOIN text_embeddings AS t ON t.caption_id = v.caption_id AND t.shard = v.shard
WHERE v.caption_id IS NULL OR t.caption_id IS NULL
