"""What the UI plots of a shard that an LLM filled."""

from unicorn_assets.assets.metadata import figures
from unicorn_assets.llm.settings import Price
from unicorn_assets.llm.spend.ledger import Ledger


def test_money_and_use_are_numbers_so_that_the_ui_plots_them() -> None:
    ledger = Ledger(calls=3, attempts=4, prompt_tokens=100, completion_tokens=20, cached_tokens=60, repaired=1)
    ledger.rejected_by_reason["too_short"] = 2
    shown = figures(ledger.as_dict(Price(prompt=1.0, completion=2.0)))
    wanted = ("cost_usd", "calls", "attempts", "prompt_tokens", "completion_tokens", "cached_tokens", "repaired",
              "seconds", "from_journal", "rejected_by_reason: too_short")  # fmt: skip
    assert all(isinstance(shown[name], int | float) for name in wanted)
    assert shown["cost_usd"] == 0.00014
