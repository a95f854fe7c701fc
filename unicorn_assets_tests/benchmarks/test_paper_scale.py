"""What paper_scale.py plays and how it counts, without a run."""

import sys
from types import ModuleType
from typing import Any

import pytest

from unicorn_assets_tests.benchmarks.scripts import paper_scale


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return paper_scale(monkeypatch)


def test_seeds_differ_and_pairs_have_four_options(benchmark: ModuleType) -> None:
    writer = sys.modules["writer"]
    assert len({writer.seed_text(number) for number in range(5000)}) == 5000
    for number in range(200):
        found = writer.FACT.findall(writer.caption(writer.seed_text(number), 1))
        assert len(found) >= writer.SENTENCES
        for row in range(8):
            pair = writer.pair(row, found, choice=True)
            assert len({pair["answer"], *pair["wrong_options"]}) == 4


def test_growth_is_that_of_the_worst_asset_that_takes_long(benchmark: ModuleType) -> None:
    def size(seeds: int, **seconds: float) -> dict[str, Any]:
        assets = {name: {"counts_s": value} for name, value in seconds.items()}
        return {"seeds": seeds, "peak_mb": 100, "assets": assets}

    tenth = size(100, linear=5.0, square=2.0, short=0.01)
    found = benchmark.figures(size(1000, linear=50.0, square=200.0, short=9.0), tenth)
    assert (found["growth"], found["growth_asset"]) == (10.0, "square")
    assert found["paper_scale_beside_llm_s"] == 259.0
