-- about: the artifact names its encoder, revision and dimension
-- severity: error
-- blocking: yes
SELECT 'dimension' AS missing WHERE NOT EXISTS (
  SELECT 1 FROM figures WHERE asset = 'transfer' AND "name" = 'dimension' AND "value" >= 2
)
