-- about: no turn speaks of a caption, description or text instead of the image
-- severity: error
-- blocking: yes
SELECT i.instruction_id, i.shard, t."value" FROM instructions AS i, unnest(i.conversations) AS u(t)
WHERE regexp_matches(lower(t."value"), '\b(the|this|given|above) (caption|description|passage|text)\b')
