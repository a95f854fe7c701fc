-- about: each instruction_id stands once in its shard
-- severity: error
-- blocking: yes
SELECT instruction_id, shard, count(*) AS times FROM instructions GROUP BY instruction_id, shard HAVING count(*) > 1
