-- about: the release holds each caption of its shards once
-- severity: error
-- blocking: no
SELECT r.records, c.captions FROM (SELECT "value" AS records FROM figures WHERE asset = 'unicorn_1_2m' AND "name" = 'rows') AS r
CROSS JOIN (SELECT count(*) AS captions FROM captions WHERE shard IN (SELECT shard FROM release_shards WHERE asset = 'unicorn_1_2m')) AS c
WHERE r.records <> c.captions
