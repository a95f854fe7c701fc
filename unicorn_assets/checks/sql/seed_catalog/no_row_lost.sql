-- about: no shard holds a seed without a file and a 1-based row to trace it to
-- severity: error
-- blocking: yes
SELECT seed_id, source, file, "row" FROM seed_catalog WHERE file IS NULL OR file = '' OR "row" IS NULL OR "row" < 1
