-- about: of a shard's drafts at most one in a hundred holds an item of the recipe's benchmarks
-- severity: warn
-- blocking: no
WITH leaked AS (
  SELECT shard, count(*) AS n FROM quarantine WHERE stage = 'captions' AND reason = 'leaked' GROUP BY shard
)
SELECT d.shard, any_value(l.n) AS leaked, count(*) AS drafts FROM caption_drafts AS d JOIN leaked AS l USING (shard)
GROUP BY d.shard HAVING 100 * any_value(l.n) > count(*)
