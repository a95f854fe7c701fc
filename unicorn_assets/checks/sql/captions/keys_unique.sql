-- about: each caption_id stands once in its shard
-- severity: error
-- blocking: yes
SELECT caption_id, shard, count(*) AS times FROM captions GROUP BY caption_id, shard HAVING count(*) > 1
