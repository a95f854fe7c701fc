"""What the UI plots of a shard that an LLM filled."""

from pathlib import Path

from unicorn_assets.assets.metadata import figures, shard_metadata
from unicorn_assets.keys import asset_key
from unicorn_assets.llm.settings import Price
from unicorn_assets.llm.spend.ledger import Ledger
from unicorn_assets_tests.lakes import SHARD, tiny_lake


def test_money_and_use_are_numbers_so_that_the_ui_plots_them() -> None:
    ledger = Ledger(calls=3, attempts=4, prompt_tokens=100, completion_tokens=20, cached_tokens=60, repaired=1)
    ledger.rejected_by_reason["too_short"] = 2
    shown = figures(ledger.as_dict(Price(prompt=1.0, completion=2.0)))
    wanted = ("cost_usd", "calls", "attempts", "prompt_tokens", "completion_tokens", "cached_tokens", "repaired",
              "seconds", "from_journal", "rejected_by_reason: too_short")  # fmt: skip
    assert all(isinstance(shown[name], int | float) for name in wanted)
    assert shown["cost_usd"] == 0.00014


def test_a_table_s_shard_says_of_which_columns_its_own_are_made(tmp_path: Path) -> None:
    lake = tiny_lake().write(tmp_path)
    info = lake.info("captions", SHARD)
    assert info is not None
    deps = shard_metadata(lake, "captions", SHARD, info, False)["dagster/column_lineage"].deps_by_column
    assert [(dep.asset_key, dep.column_name) for dep in deps["text"]] == [(asset_key("tiny", "caption_drafts"), "text")]
    vectors = lake.vector_info("image_embeddings", SHARD)
    assert vectors is not None
    assert "dagster/column_lineage" not in shard_metadata(lake, "image_embeddings", SHARD, vectors, False)
