-- about: the first human turn carries <image> and no other turn does
-- severity: error
-- blocking: yes
SELECT instruction_id, shard, conversations[1]."value" AS first_turn FROM instructions
WHERE NOT starts_with(conversations[1]."value", '<image>')
   OR len(list_filter(conversations, lambda t: contains(t."value", '<image>'))) <> 1
