"""A run's own limit of what the lake's LLM may have spent when it ends: a tag, set by who launches it."""

from collections.abc import Mapping

from pydantic import ValidationError

from unicorn_assets.errors import UserError
from unicorn_assets.llm.settings import Budget, LlmSettings

CEILING_TAG = "unicorn/llm-budget"


def under_ceiling(settings: LlmSettings, tags: Mapping[str, str]) -> LlmSettings:
    """The settings with the tighter of the recipe's budget and the run's, each over all runs of the lake; UserError
    when the tag is no budget, or they cannot hold it, such as USD without a price.
    """
    if CEILING_TAG not in tags:
        return settings
    try:
        limits = Budget.model_validate_json(tags[CEILING_TAG]).model_dump(exclude_none=True)
        own = settings.budget.model_dump(exclude_none=True) if settings.budget else {}
        tight = {name: min(each[name] for each in (own, limits) if name in each) for name in {*own, *limits}}
        return LlmSettings.model_validate({**settings.model_dump(exclude_unset=True), "budget": tight})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UserError(
            f"the run's tag {CEILING_TAG} is {tags[CEILING_TAG][:100]!r}: {first['msg'].splitlines()[0]}",
            'give JSON such as {"calls": 20000} or {"tokens": 30000000, "usd": 5}, or leave the tag out',
        ) from None
