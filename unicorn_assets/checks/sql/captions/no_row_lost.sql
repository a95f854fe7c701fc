-- about: each draft became a caption or stands in quarantine with a reason
-- severity: error
-- blocking: yes
WITH judged AS (SELECT shard FROM figures WHERE asset = 'captions' AND "name" = 'rows')  -- also one that holds nothing
SELECT d.caption_id, d.shard FROM caption_drafts AS d JOIN judged USING (shard)
WHERE d.caption_id NOT IN (SELECT caption_id FROM captions)
  AND d.caption_id NOT IN (SELECT row_id FROM quarantine WHERE stage = 'captions')
