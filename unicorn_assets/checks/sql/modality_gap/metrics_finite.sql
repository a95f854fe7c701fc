-- about: every metric is there and finite, with an interval that holds it
-- severity: error
-- blocking: yes
SELECT metric, state, value, low, high FROM gap
WHERE NOT coalesce(isfinite(value) AND isfinite(low) AND isfinite(high) AND low <= value AND value <= high, false)
UNION ALL
SELECT needed.metric, states.state, NULL, NULL, NULL
FROM (SELECT DISTINCT metric FROM gap UNION SELECT 'centroid_distance') AS needed
CROSS JOIN (SELECT unnest(['before', 'after', 'cross_fitted']) AS state) AS states
WHERE NOT EXISTS (SELECT 1 FROM figures WHERE name = 'unmeasured')  -- measured.sql warns of that
  AND NOT EXISTS (SELECT 1 FROM gap WHERE gap.metric = needed.metric AND gap.state = states.state)
  -- texts before a move have nothing to be compared with
  AND NOT (states.state = 'before' AND needed.metric IN ('source_cosine', 'neighbour_overlap'))
