-- about: each draft became a caption or stands in quarantine with a reason
-- severity: error
-- blocking: yes
WITH shown AS (SELECT DISTINCT shard FROM captions)
SELECT d.caption_id, d.shard FROM caption_drafts AS d JOIN shown USING (shard)
WHERE d.caption_id NOT IN (SELECT caption_id FROM captions)
  AND d.caption_id NOT IN (SELECT row_id FROM quarantine WHERE stage = 'captions')
