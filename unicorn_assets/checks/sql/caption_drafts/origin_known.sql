-- about: each draft names its model, prompt version and request
-- severity: error
-- blocking: yes
SELECT caption_id, shard, model, prompt_version, request_hash FROM caption_drafts
WHERE coalesce(model, '') = '' OR coalesce(prompt_version, '') = '' OR coalesce(request_hash, '') = ''
