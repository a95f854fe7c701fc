-- about: captions longer than the encoder's window stay below the recipe's share
-- severity: warn
-- blocking: no
SELECT t.shard, t."value" AS truncated, r."value" AS captions
FROM figures AS t JOIN figures AS r ON r.shard = t.shard AND r."name" = 'rows'
WHERE t."name" = 'truncated' AND t."value" > $max_truncated * r."value"
