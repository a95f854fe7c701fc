-- about: seed texts have no control characters and no double or outer white space
-- severity: error
-- blocking: yes
SELECT seed_id, shard, text FROM seeds
WHERE text IS NULL OR text <> trim(text) OR regexp_matches(text, '\s{2,}|[\x00-\x1f\x7f]')
