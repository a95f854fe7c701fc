-- about: as many rows of a shard were accepted as the recipe's `accept` wants
-- severity: warn
-- blocking: no
SELECT shard, any_value(value) FILTER (WHERE name = 'wanted rows') AS wanted,
  any_value(value) FILTER (WHERE name = 'accepted rows') AS accepted, any_value(value) FILTER (WHERE name = 'short by') AS short_by
FROM figures GROUP BY shard HAVING short_by > 0
