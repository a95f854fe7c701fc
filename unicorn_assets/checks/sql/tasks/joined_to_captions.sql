-- about: each set of pairs belongs to a caption that was chosen for this task
-- severity: error
-- blocking: yes
SELECT t.instruction_id, t.caption_id, t.shard FROM {task} AS t
LEFT JOIN captions AS c ON c.caption_id = t.caption_id AND c.shard = t.shard
WHERE c.caption_id IS NULL OR c.task IS DISTINCT FROM '{task}'
