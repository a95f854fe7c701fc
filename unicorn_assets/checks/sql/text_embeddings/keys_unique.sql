-- about: each caption has one vector in its shard
-- severity: error
-- blocking: yes
SELECT caption_id, shard, count(*) AS times FROM text_embeddings GROUP BY caption_id, shard HAVING count(*) > 1
