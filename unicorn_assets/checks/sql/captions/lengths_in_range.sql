-- about: each caption has the recipe's number of words
-- severity: error
-- blocking: yes
SELECT caption_id, shard, words FROM captions WHERE words < $min_words OR words > $max_words
