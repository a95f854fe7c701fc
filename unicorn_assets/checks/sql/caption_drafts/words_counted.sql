-- about: the column words is the number of words in the text, and at least 1; without spaces, half the characters
-- severity: error
-- blocking: yes
SELECT caption_id, shard, words, text FROM caption_drafts
WHERE words IS NULL OR words < 1 OR (
  words <> len(regexp_split_to_array(trim(text), '\s+'))
  AND NOT regexp_matches(text, '[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]')
)
