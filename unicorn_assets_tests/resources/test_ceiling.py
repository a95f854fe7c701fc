"""A run's own ceiling of spend, as a tag: the tighter of it and the recipe's budget holds."""

import json

import pytest

from unicorn_assets.errors import UserError
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
    with pytest.raises(UserError, match="price"):
        under_ceiling(settings, {CEILING_TAG: '{"usd": 2.0}'})


@pytest.mark.parametrize(
    "tag", ["", "5", "x", "null", "[]", "{}", '{"foo": 3}', '{"calls": -1}', '{"calls": NaN}', '{"calls": 1e400}',
            '{"calls": "many"}', "[" * 3000, '{"calls": 2.5}', '{"usd": "\x1b[31m"}'],
)  # fmt: skip
def test_a_tag_that_is_no_budget_is_told_in_two_lines(tag: str) -> None:
    with pytest.raises(UserError, match="the run's tag unicorn/llm-budget is ") as told:
        under_ceiling(LlmSettings(), {CEILING_TAG: tag})
    assert len(str(told.value).splitlines()) == 2
    assert "\x1b" not in str(told.value)
