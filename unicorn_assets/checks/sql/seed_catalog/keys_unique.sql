-- about: each seed_id stands once in the catalog
-- severity: error
-- blocking: yes
SELECT seed_id, count(*) AS times, any_value(text) AS text FROM seed_catalog GROUP BY seed_id HAVING count(*) > 1
