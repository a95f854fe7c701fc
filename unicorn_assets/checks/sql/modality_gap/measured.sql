-- about: there were captions and reference images enough to measure the gap (20 of each)
-- severity: warn
-- blocking: no
SELECT name FROM figures WHERE asset = 'modality_gap' AND name = 'unmeasured'
