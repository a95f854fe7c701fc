"""A run's own ceiling of spend, as a tag: the tighter of it and the recipe's budget holds."""

import json

import pytest

from unicorn_assets.llm.settings import Budget, LlmSettings
from unicorn_assets.resources.ceiling import CEILING_TAG, under_ceiling

OWN = Budget(usd=5, tokens=1000)


@pytest.mark.parametrize(
    ("own", "run", "holds"),
    [
        (None, {}, None), (OWN, {}, OWN), (None, {"calls": 7.0}, Budget(calls=7)),
        (OWN, {"usd": 2.5}, Budget(usd=2.5, tokens=1000)),
        (OWN, {"usd": 9.0, "calls": 3.0}, Budget(usd=5, tokens=1000, calls=3)),
    ],
)  # fmt: skip
def test_the_tighter_limit_holds(own: Budget | None, run: dict[str, float], holds: Budget | None) -> None:
    settings = LlmSettings(
        endpoint="url", url="http://h/v1", model="m", budget=own, price={"prompt": 1, "completion": 1}
    )
    tags = {CEILING_TAG: json.dumps(run)} if run else {}
    assert under_ceiling(settings, tags).budget == holds


def test_usd_without_a_price_are_refused() -> None:
    settings = LlmSettings(endpoint="url", url="http://h/v1", model="m")
    with pytest.raises(ValueError, match="price"):
        under_ceiling(settings, {CEILING_TAG: '{"usd": 2.0}'})
