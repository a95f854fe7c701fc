-- about: after the move a text vector keeps at least min_source_cosine with itself (off unless the recipe sets it)
-- severity: warn
-- blocking: no
SELECT metric, value, low, high FROM gap WHERE metric = 'source_cosine' AND state = 'after' AND value < $min_source_cosine
