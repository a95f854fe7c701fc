-- about: at least the recipe's share of a shard's seeds gave an accepted caption
-- severity: warn
-- blocking: no
WITH accepted AS (SELECT shard, count(*) AS n FROM caption_drafts GROUP BY shard)
SELECT s.shard, count(*) AS seeds, coalesce(any_value(a.n), 0) AS accepted
FROM seeds AS s LEFT JOIN accepted AS a USING (shard)
GROUP BY s.shard HAVING coalesce(any_value(a.n), 0) < $min_accepted_captions * count(*)
