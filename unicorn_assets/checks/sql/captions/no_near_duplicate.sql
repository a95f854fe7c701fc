-- about: no caption is marked as a near duplicate
-- severity: error
-- blocking: yes
SELECT caption_id, shard FROM captions SEMI JOIN near_duplicates USING (caption_id)
