-- about: a shard holds exactly the catalog's seeds of that shard
-- severity: error
-- blocking: yes
WITH judged AS (SELECT shard FROM figures WHERE asset = 'seeds' AND "name" = 'rows'),  -- also one that holds nothing
listed AS (SELECT c.seed_id, c.shard FROM seed_catalog AS c JOIN judged USING (shard))
SELECT coalesce(s.seed_id, l.seed_id) AS seed_id, coalesce(s.shard, l.shard) AS shard,
       CASE WHEN l.seed_id IS NULL THEN 'not in the catalog' ELSE 'missing from the shard' END AS problem
FROM seeds AS s FULL JOIN listed AS l ON s.seed_id = l.seed_id AND s.shard = l.shard
WHERE s.seed_id IS NULL OR l.seed_id IS NULL
