-- about: the move did not widen the distance of the centroids beyond the intervals
-- severity: error
-- blocking: yes
SELECT a.metric, b.value AS before, a.value AS after FROM gap AS a JOIN gap AS b ON b.metric = a.metric AND b.state = 'before'
WHERE a.metric = 'centroid_distance' AND a.state = 'after' AND a.low > b.high
