-- about: each similarity is a verified number above 0 and at most 1
-- severity: error
-- blocking: yes
SELECT caption_id, jaccard FROM near_duplicates WHERE jaccard IS NULL OR NOT (jaccard > 0 AND jaccard <= 1)
