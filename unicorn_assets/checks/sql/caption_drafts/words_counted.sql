-- about: the column words is the number of words in the text, and at least 1
-- severity: error
-- blocking: yes
SELECT caption_id, shard, words, text FROM caption_drafts
WHERE words IS NULL OR words < 1 OR words <> len(regexp_split_to_array(trim(text), '\s+'))
