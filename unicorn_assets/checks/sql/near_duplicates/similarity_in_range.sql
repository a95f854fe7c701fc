-- about: each repeat has a kind, and its similarity of that kind is a verified number above 0 and at most 1
-- severity: error
-- blocking: yes
SELECT caption_id, kind, jaccard, cosine FROM near_duplicates WHERE jaccard IS NULL OR NOT (jaccard BETWEEN 0 AND 1)
  OR NOT CASE kind WHEN 'exact' THEN jaccard = 1 AND cosine IS NULL WHEN 'jaccard' THEN jaccard > 0 AND cosine IS NULL
    WHEN 'cosine' THEN cosine IS NOT NULL AND cosine > 0 AND cosine <= 1 ELSE FALSE END
