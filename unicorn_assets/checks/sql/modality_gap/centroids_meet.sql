-- about: after the move the centroids are closer than the recipe's limit
-- severity: error
-- blocking: yes
SELECT metric, before, after FROM gap WHERE metric = 'centroid_distance' AND after > $max_gap_after
