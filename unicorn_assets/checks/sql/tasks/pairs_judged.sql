-- about: the judge was asked about every pair; those that its budget left no room for are kept without a look (docs/gates.md)
-- severity: warn
-- blocking: no
SELECT shard, CAST(value AS BIGINT) AS not_asked FROM figures WHERE asset = '{task}' AND "name" = 'not_asked' AND value > 0
