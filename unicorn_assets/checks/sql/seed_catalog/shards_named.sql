-- about: each shard key is <source>-<number> of the seed's own source
-- severity: error
-- blocking: yes
SELECT seed_id, source, shard FROM seed_catalog WHERE NOT regexp_full_match(shard, source || '-[0-9]{5}')
