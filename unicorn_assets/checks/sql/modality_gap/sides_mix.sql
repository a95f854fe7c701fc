-- about: after the move a linear probe tells text from image at most max_separability_after of the time
-- severity: warn
-- blocking: no
SELECT metric, value, low, high FROM gap WHERE metric = 'linear_separability' AND state = 'after' AND value > $max_separability_after
