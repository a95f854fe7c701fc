-- about: all vectors of the run have the same dimension
-- severity: error
-- blocking: yes
SELECT shard, dimension, count(*) AS vectors FROM image_embeddings GROUP BY shard, dimension
QUALIFY count(DISTINCT dimension) OVER () > 1
