-- about: each chosen caption has pairs or stands in quarantine with a reason
-- severity: error
-- blocking: yes
SELECT c.caption_id, c.shard FROM captions AS c JOIN (SELECT shard FROM figures WHERE asset = '{task}' AND "name" = 'rows') USING (shard)
WHERE c.task = '{task}' AND c.caption_id NOT IN (SELECT caption_id FROM {task})
  AND c.caption_id NOT IN (SELECT parent_id FROM quarantine WHERE stage = '{task}')
