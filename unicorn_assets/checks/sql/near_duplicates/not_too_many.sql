-- about: near duplicates stay below the recipe's share of all drafts
-- severity: warn
-- blocking: no
SELECT duplicates, drafts FROM (
  SELECT (SELECT count(*) FROM near_duplicates) AS duplicates, (SELECT count(*) FROM caption_drafts) AS drafts
) WHERE duplicates > $max_near_duplicates * drafts
