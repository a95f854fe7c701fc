-- about: each record has pairs, and no question or answer is blank
-- severity: error
-- blocking: yes
SELECT instruction_id, shard, len(pairs) AS pairs FROM {task}
WHERE len(pairs) = 0 OR len(list_filter(pairs, lambda p: trim(p.question) = '' OR trim(p.answer) = '')) > 0
