-- about: after the move the relative modality gap is at most max_relative_gap_after
-- severity: warn
-- blocking: no
SELECT metric, value, low, high FROM gap WHERE metric = 'relative_modality_gap' AND state = 'after' AND value > $max_relative_gap_after
