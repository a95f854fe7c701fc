-- about: at least 1,000 images stand behind the mean
-- severity: warn
-- blocking: no
SELECT "name", "value" AS images FROM figures WHERE asset = 'image_reference' AND "name" = 'images' AND "value" < 1000
