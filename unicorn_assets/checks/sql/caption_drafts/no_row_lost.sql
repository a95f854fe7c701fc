-- about: each seed has a draft or stands in quarantine with a reason, never both
-- severity: error
-- blocking: yes
WITH outcome AS (
  SELECT seed_id, shard FROM caption_drafts
  UNION ALL
  SELECT parent_id, shard FROM quarantine WHERE stage = 'caption_drafts'
), judged AS (
  SELECT shard FROM figures WHERE asset = 'caption_drafts' AND "name" = 'rows'  -- also one that holds nothing
)
SELECT s.seed_id, s.shard, count(o.seed_id) AS outcomes
FROM seeds AS s JOIN judged USING (shard) LEFT JOIN outcome AS o ON o.seed_id = s.seed_id AND o.shard = s.shard
GROUP BY s.seed_id, s.shard HAVING count(o.seed_id) <> 1
