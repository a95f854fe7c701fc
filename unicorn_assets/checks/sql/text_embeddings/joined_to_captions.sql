-- about: vectors and captions of a shard have the same ids
-- severity: error
-- blocking: yes
SELECT coalesce(v.caption_id, c.caption_id) AS caption_id, coalesce(v.shard, c.shard) AS shard
FROM text_embeddings AS v FULL JOIN captions AS c ON c.caption_id = v.caption_id AND c.shard = v.shard
WHERE v.caption_id IS NULL OR c.caption_id IS NULL
