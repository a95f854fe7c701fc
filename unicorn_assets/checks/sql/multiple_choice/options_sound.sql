-- about: each question has four different options and its answer is one of A to D
-- severity: error
-- blocking: yes
SELECT m.instruction_id, m.shard, p.question, p.options, p.answer FROM multiple_choice AS m, unnest(m.pairs) AS u(p)
WHERE len(p.options) <> 4 OR len(list_distinct(list_transform(p.options, lambda o: lower(trim(o))))) <> 4
   OR p.answer NOT IN ('A', 'B', 'C', 'D')
