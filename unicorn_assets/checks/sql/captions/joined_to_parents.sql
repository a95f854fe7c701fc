-- about: each caption is a draft of a seed of its shard, with the draft's very text
-- severity: error
-- blocking: yes
SELECT c.caption_id, c.seed_id, c.shard FROM captions AS c
LEFT JOIN caption_drafts AS d ON d.caption_id = c.caption_id AND d.seed_id = c.seed_id AND d.shard = c.shard
WHERE d.caption_id IS NULL OR d.text <> c.text
