-- about: each caption_id and each seed_id stands once in its shard
-- severity: error
-- blocking: yes
SELECT shard, 'caption_id' AS key, caption_id AS value, count(*) AS times FROM caption_drafts GROUP BY shard, caption_id
HAVING count(*) > 1
UNION ALL
SELECT shard, 'seed_id', seed_id, count(*) FROM caption_drafts GROUP BY shard, seed_id HAVING count(*) > 1
