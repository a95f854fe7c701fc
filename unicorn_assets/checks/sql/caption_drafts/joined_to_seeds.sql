-- about: each draft comes from a seed of its shard
-- severity: error
-- blocking: yes
SELECT d.caption_id, d.seed_id, d.shard FROM caption_drafts AS d ANTI JOIN seeds AS s USING (seed_id, shard)
