-- about: each seed_id stands once in its shard
-- severity: error
-- blocking: yes
SELECT seed_id, shard, count(*) AS times FROM seeds GROUP BY seed_id, shard HAVING count(*) > 1
