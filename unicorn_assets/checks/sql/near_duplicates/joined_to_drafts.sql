-- about: both captions of a pair are drafts
-- severity: error
-- blocking: yes
WITH shown AS (SELECT DISTINCT shard FROM caption_drafts)
SELECT n.caption_id, n.duplicate_of, n.shard FROM near_duplicates AS n JOIN shown USING (shard)
WHERE n.caption_id NOT IN (SELECT caption_id FROM caption_drafts)
