"""The paper's recipe from seeds to releases through the real command line, small, played as by paper_scale.py.

Prompts, gates, `accept`, shares and move are as shipped; sources are cut to 200 seeds (UNICORN_PAPER_SEEDS says another
number), the LLM is a process that answers as a strong model would, the encoder hashes words, here into few dimensions.
"""

import os
import sys
from pathlib import Path

import polars as pl
import pytest

from unicorn_assets.automation import local_run
from unicorn_assets.graph import RELEASES
from unicorn_assets.lake.released import latest_release
from unicorn_assets.lake.store import Lake
from unicorn_assets.resources.encoder import EncoderResource
from unicorn_assets_tests.benchmarks.scripts import paper_scale
from unicorn_assets_tests.finished import records_in_memory, unicorn

SEEDS = int(os.environ.get("UNICORN_PAPER_SEEDS", "200"))


def test_the_paper_s_recipe_runs_from_seeds_to_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = paper_scale(monkeypatch)
    encoder = sys.modules["encoder"]
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(encoder.SPENT, str(tmp_path / "encoder.txt"))
    monkeypatch.setattr(encoder, "DIMENSION", 32)
    monkeypatch.setattr(local_run, "PARTS", local_run.PARTS)
    monkeypatch.setattr(EncoderResource, "open", encoder.opened)
    with played.writer() as url, records_in_memory():
        recipe = played.write_recipe(tmp_path, url, SEEDS)
        done = unicorn(tmp_path / "home", "run", "--recipe", str(recipe))
    assert done.exit_code == 0, done.output
    lake = Lake(str(tmp_path / "home" / "lake"))
    captions = pl.concat([lake.read("captions", shard) for shard in lake.shards("captions")])
    records = pl.concat([lake.read("instructions", shard) for shard in lake.shards("instructions")])
    assert captions.height >= 0.94 * SEEDS
    assert captions["words"].min() >= 51
    assert 0.25 * SEEDS < records.height < 0.55 * SEEDS
    assert set(records["task"]) == {"multiple_choice", "question_answering", "complex_reasoning"}
    assert all(latest_release(lake, release) for release in RELEASES)
    assert float((tmp_path / "encoder.txt").read_text().split()[0]) > 0
