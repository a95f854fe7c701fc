-- about: no figure of diversity is a tenth worse than that of the release before
-- severity: warn
-- blocking: no
SELECT metric, before, now, worse FROM diversity WHERE worse > 0.1
