-- about: near duplicates were looked for among the drafts of its shard, and no caption is marked as one
-- severity: error
-- blocking: yes
SELECT caption_id, shard FROM captions SEMI JOIN near_duplicates USING (caption_id)
UNION ALL
SELECT 'nobody looked: materialize near_duplicates first' AS caption_id, shard FROM figures AS f
WHERE f.asset = 'captions' AND f."name" = 'rows'
  AND shard NOT IN (SELECT m.shard FROM made_of AS m WHERE m.asset = 'near_duplicates' AND m.parent = 'caption_drafts')
