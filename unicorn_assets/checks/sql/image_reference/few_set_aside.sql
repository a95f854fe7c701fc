-- about: at most 5 % of the images could not be read
-- severity: warn
-- blocking: no
SELECT bad."value" AS set_aside, good."value" AS images FROM figures AS bad JOIN figures AS good ON good."name" = 'images'
WHERE bad.asset = 'image_reference' AND bad."name" = 'images set aside' AND bad."value" > 0.05 * (bad."value" + good."value")
