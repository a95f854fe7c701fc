-- about: the release holds each record of its shards once
-- severity: error
-- blocking: no
SELECT r.records, c.records AS wanted
FROM (SELECT "value" AS records FROM figures WHERE asset = 'unicorn_471k_instruction' AND "name" = 'rows') AS r
CROSS JOIN (SELECT count(*) AS records FROM instructions
            WHERE shard IN (SELECT shard FROM release_shards WHERE asset = 'unicorn_471k_instruction')) AS c
WHERE r.records <> c.records
