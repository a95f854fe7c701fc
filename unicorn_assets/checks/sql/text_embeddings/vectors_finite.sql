-- about: no vector holds NaN or infinity
-- severity: error
-- blocking: yes
SELECT caption_id, shard FROM text_embeddings WHERE NOT finite
