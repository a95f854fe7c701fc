-- about: the move was fitted on the text vectors of all finished shards
-- severity: error
-- blocking: no
SELECT f."value" AS fitted_on, v.n AS vectors
FROM figures AS f CROSS JOIN (
  SELECT coalesce(sum("value"), 0) AS n FROM figures WHERE asset = 'text_embeddings' AND "name" = 'rows'
) AS v
WHERE f.asset = 'transfer' AND f."name" = 'text vectors' AND f."value" <> v.n
