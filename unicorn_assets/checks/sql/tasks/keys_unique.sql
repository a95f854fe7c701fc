-- about: each caption gives at most one set of pairs, under its own id
-- severity: error
-- blocking: yes
SELECT caption_id, shard, count(*) AS times FROM {task} GROUP BY caption_id, shard HAVING count(*) > 1
