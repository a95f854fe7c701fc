-- about: each chosen caption has pairs or stands in quarantine with a reason
-- severity: error
-- blocking: yes
SELECT c.caption_id, c.shard FROM captions AS c JOIN (SELECT DISTINCT shard FROM {task}) USING (shard)
WHERE c.task = '{task}' AND c.caption_id NOT IN (SELECT caption_id FROM {task})
  AND c.caption_id NOT IN (SELECT parent_id FROM quarantine WHERE stage = '{task}')
