-- about: each chosen caption has pairs or stands in quarantine with a reason
-- severity: error
-- blocking: yes
SELECT c.caption_id, c.shard FROM captions AS c JOIN (SELECT DISTINCT shard FROM complex_reasoning) USING (shard)
WHERE c.task = 'complex_reasoning' AND c.caption_id NOT IN (SELECT caption_id FROM complex_reasoning)
  AND c.caption_id NOT IN (SELECT parent_id FROM quarantine WHERE stage = 'complex_reasoning')
