-- about: the move did not widen the distance of the centroids
-- severity: error
-- blocking: yes
SELECT metric, before, after FROM gap WHERE metric = 'centroid_distance' AND after > before + 1e-6
