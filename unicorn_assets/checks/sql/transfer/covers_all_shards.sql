-- about: the move was fitted on as many vectors as there are captions in finished shards
-- severity: error
-- blocking: no
SELECT f."value" AS fitted_on, c.n AS captions
FROM figures AS f CROSS JOIN (SELECT count(*) AS n FROM captions) AS c
WHERE f.asset = 'transfer' AND f."name" = 'text vectors' AND f."value" > c.n
