-- about: the move costs pairs at most max_paired_cosine_loss of their cosine (off unless the recipe sets it)
-- severity: warn
-- blocking: no
SELECT a.metric, b.value AS before, a.value AS after FROM gap AS a JOIN gap AS b ON b.metric = a.metric AND b.state = 'before'
WHERE a.metric = 'paired_cosine' AND a.state = 'after' AND b.value - a.value > $max_paired_cosine_loss
