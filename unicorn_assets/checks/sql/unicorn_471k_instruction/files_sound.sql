-- about: the newest release's files are whole, join by id and alternate roles
-- severity: error
-- blocking: no
SELECT problem FROM release_problems WHERE asset = 'unicorn_471k_instruction'
