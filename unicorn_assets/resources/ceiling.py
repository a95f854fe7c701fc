"""A run's own limit of what the lake's LLM may have spent when it ends: a tag, set by who launches it."""

import json
from collections.abc import Mapping

from unicorn_assets.llm.settings import LlmSettings

CEILING_TAG = "unicorn/llm-budget"


def under_ceiling(settings: LlmSettings, tags: Mapping[str, str]) -> LlmSettings:
    """The settings with the tighter of the recipe's budget and the run's, each over all runs of the lake; ValueError
    when they cannot hold it, such as USD without a price.
    """
    limits = json.loads(tags.get(CEILING_TAG, "{}"))
    if not limits:
        return settings
    own = settings.budget.model_dump(exclude_none=True) if settings.budget else {}
    tight = {name: min(each[name] for each in (own, limits) if name in each) for name in {*own, *limits}}
    whole = {name: value if name == "usd" else int(value) for name, value in tight.items()}
    return LlmSettings.model_validate({**settings.model_dump(exclude_unset=True), "budget": whole})
