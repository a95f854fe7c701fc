-- about: after the move the centroids are closer than the recipe's max_gap_after
-- severity: error
-- blocking: yes
SELECT metric, value, low, high FROM gap WHERE metric = 'centroid_distance' AND state = 'after' AND value > $max_gap_after
