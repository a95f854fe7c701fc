-- about: the number of pairs is half the number of turns
-- severity: error
-- blocking: yes
SELECT instruction_id, shard, pairs, len(conversations) AS turns FROM instructions WHERE pairs * 2 <> len(conversations)
