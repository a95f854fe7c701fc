-- about: turns alternate human and gpt, human first, in equal number
-- severity: error
-- blocking: yes
SELECT instruction_id, shard, [t."from" FOR t IN conversations] AS roles FROM instructions
WHERE len(conversations) = 0 OR len(conversations) % 2 <> 0
   OR len(list_filter(conversations, lambda t, i: t."from" <> CASE WHEN i % 2 = 1 THEN 'human' ELSE 'gpt' END)) > 0
