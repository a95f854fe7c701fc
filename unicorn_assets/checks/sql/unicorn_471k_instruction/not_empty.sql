-- about: the release holds records
-- severity: warn
-- blocking: no
SELECT "value" AS records FROM figures WHERE asset = 'unicorn_471k_instruction' AND "name" = 'rows' AND "value" < 1
