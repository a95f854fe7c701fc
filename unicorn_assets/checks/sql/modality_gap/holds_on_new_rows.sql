-- about: fitted on one half of the sample, the move brings the other half's centroids closer than max_gap_after
-- severity: warn
-- blocking: no
SELECT metric, value, low, high FROM gap WHERE metric = 'centroid_distance' AND state = 'cross_fitted' AND value > $max_gap_after
