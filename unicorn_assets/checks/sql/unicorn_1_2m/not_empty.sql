-- about: the release holds records
-- severity: warn
-- blocking: no
SELECT "value" AS records FROM figures WHERE asset = 'unicorn_1_2m' AND "name" = 'rows' AND "value" < 1
