-- about: each caption is marked as a duplicate once
-- severity: error
-- blocking: yes
SELECT caption_id, count(*) AS times FROM near_duplicates GROUP BY caption_id HAVING count(*) > 1
