-- about: no answer letter is more frequent than the recipe allows (from 60 questions on)
-- severity: warn
-- blocking: no
WITH letters AS (SELECT p.answer AS letter, count(*) AS n FROM multiple_choice, unnest(pairs) AS u(p) GROUP BY 1)
SELECT letter, n, n / sum(n) OVER () AS share FROM letters
QUALIFY sum(n) OVER () >= 60 AND n / sum(n) OVER () > $max_letter_share
