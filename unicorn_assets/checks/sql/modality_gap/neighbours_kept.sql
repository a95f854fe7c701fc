-- about: after the move a text keeps at least min_neighbour_overlap of its nearest texts
-- severity: error
-- blocking: yes
SELECT metric, value, low, high FROM gap WHERE metric = 'neighbour_overlap' AND state = 'after' AND value < $min_neighbour_overlap
