-- about: at least 20 text vectors and 20 images stand behind a fitted move
-- severity: warn
-- blocking: no
SELECT "name", "value" FROM figures WHERE asset = 'transfer' AND "name" IN ('text vectors', 'image vectors') AND "value" < 20
