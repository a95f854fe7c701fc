-- about: tasks are drawn in the recipe's shares (from 300 captions on)
-- severity: warn
-- blocking: no
WITH drawn AS (SELECT coalesce(task, 'none') AS task, count(*) AS n FROM captions GROUP BY 1),
total AS (SELECT sum(n) AS n FROM drawn),
wanted AS (SELECT w.task, w.share FROM (SELECT unnest($task_shares) AS w))
SELECT w.task, w.share AS wanted, coalesce(d.n, 0) / t.n AS drawn
FROM wanted AS w CROSS JOIN total AS t LEFT JOIN drawn AS d USING (task)
WHERE t.n >= 300 AND abs(coalesce(d.n, 0) / t.n - w.share) > $max_task_share_error
