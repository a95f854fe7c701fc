-- about: every metric is a finite number, before and after
-- severity: error
-- blocking: yes
SELECT metric, before, after FROM gap WHERE before IS NULL OR after IS NULL OR isnan(before) OR isnan(after) OR isinf(before) OR isinf(after)
