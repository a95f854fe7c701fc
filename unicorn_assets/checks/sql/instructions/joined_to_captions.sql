-- about: each record belongs to a caption and repeats its text
-- severity: error
-- blocking: yes
SELECT i.instruction_id, i.caption_id, i.shard FROM instructions AS i
LEFT JOIN captions AS c ON c.caption_id = i.caption_id AND c.shard = i.shard
WHERE c.caption_id IS NULL OR c.text <> i.caption OR c.seed_id <> i.seed_id
