-- about: what a duplicate repeats is not itself a duplicate, and never itself
-- severity: error
-- blocking: yes
SELECT n.caption_id, n.duplicate_of FROM near_duplicates AS n
WHERE n.caption_id = n.duplicate_of OR n.duplicate_of IN (SELECT caption_id FROM near_duplicates)
