-- about: the move costs retrieval at most max_recall_loss of recall@10, in either direction
-- severity: warn
-- blocking: no
SELECT a.metric, b.value AS before, a.value AS after FROM gap AS a JOIN gap AS b ON b.metric = a.metric AND b.state = 'before'
WHERE a.metric LIKE '%\_recall\_10' ESCAPE '\' AND a.state = 'after' AND b.value - a.value > $max_recall_loss
