-- about: no seed text is null, blank or longer than 10,000 characters
-- severity: error
-- blocking: yes
SELECT seed_id, source, file, "row", text FROM seed_catalog
WHERE text IS NULL OR trim(text) = '' OR length(text) > 10000
