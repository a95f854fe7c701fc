import math
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import yaml

from unicorn_assets.lake.store import Lake
from unicorn_assets.release import ReleaseInfo, package_versions, release_instruction, release_pretrain
from unicorn_assets.release.statistics import CaptionStatistics
from unicorn_assets_tests.small_lake import DIMENSION, MODEL, PROMPT, SHARDS, facts, fill, small_recipe


@pytest.fixture(params=[release_pretrain, release_instruction])
def info(disk_lake: Lake, request: pytest.FixtureRequest) -> ReleaseInfo:
    recipe = small_recipe(release={"title": "Birds", "license": "CC-BY-4.0", "notes": "Made | for tests"})
    return request.param(fill(disk_lake), recipe, SHARDS, facts(limits=["An icon encoder made the vectors."]))


def test_the_code_that_the_card_shows_runs_in_the_release(info: ReleaseInfo) -> None:
    text = Path(info.path, "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=info.path, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("<image>\n")
    assert ran.stdout.endswith(f"({DIMENSION},) float16\n")


def test_the_front_matter_is_what_the_hub_reads(info: ReleaseInfo) -> None:
    text = Path(info.path, "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    card = yaml.safe_load(front)
    assert card["license"] == "cc-by-4.0"
    assert card["size_categories"] == ["n<1K"]
    (config,) = card["configs"]
    assert [*Path(info.path).glob(config["data_files"])] == [*Path(info.path).glob("*.parquet")] != []
    assert card["pretty_name"].startswith("Birds: ")
    assert body.lstrip().startswith("# Birds: ")


def test_the_card_tells_sources_models_counts_gap_and_limits(info: ReleaseInfo) -> None:
    text = Path(info.path, "README.md").read_text(encoding="utf-8")
    for line in (
        "| birds | `birds.csv` | open | CC0-1.0 | 8 |",
        "| labels | `labels.txt`, `templates.txt` | birds | not stated | 4 |",
        "| caption_drafts | `too_short` | 3 |",
        "| captions | `near_duplicate` | 3 |",
        "| centroid distance | 0.9 | 0.1 | 0.08 to 0.13 |",
        "* An icon encoder made the vectors.",
        "Made | for tests",
        "arXiv:2503.22655",
        f"Version `{info.version}`",
    ):
        assert line in text
    prompt = PROMPT if info.asset == "unicorn_1_2m" else "qa@1"
    assert f"| {MODEL} | `{prompt}` | {info.rows} |" in text


@pytest.mark.parametrize(("stated", "shown"), [("unknown: say so", "unknown"), ("MIT, and others", "other")])
def test_a_licence_in_words_is_no_identifier(disk_lake: Lake, stated: str, shown: str) -> None:
    recipe = small_recipe(release={"license": stated})
    info = release_pretrain(fill(disk_lake), recipe, SHARDS, facts(gap_before={}, gap_after={}))
    text = Path(info.path, "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(text.split("---\n")[1])["license"] == shown
    assert f"## Licence\n\n{stated}\n" in text
    assert "The gap to real images was not measured." in text


def test_caption_statistics_are_those_of_the_definition() -> None:
    captions = ["A dog, a Cat's dog.", "", "b b b b", "Ein schöner Tag – ja!"]
    tokens = [["a", "dog", "a", "cat's", "dog"], ["b"] * 4, ["ein", "schöner", "tag", "ja"]]
    measured, split = CaptionStatistics(), CaptionStatistics()
    measured.add(pl.Series(captions))
    for caption in reversed(captions):
        split.add(pl.Series([caption]))
    split.add(pl.Series([], dtype=pl.String))
    entropy = [-sum(n / len(t) * math.log2(n / len(t)) for n in Counter(t).values()) for t in tokens]
    for statistics in (measured, split):
        assert (statistics.captions, statistics.min_words, statistics.max_words) == (4, 0, 5)
        assert statistics.mean_words == 14 / 4
        assert statistics.type_token_ratio == pytest.approx(sum(len(set(t)) / len(t) for t in tokens) / 3)
        assert statistics.token_entropy == pytest.approx(sum(entropy) / 3)


def test_a_metric_that_is_undefined_is_left_out(disk_lake: Lake) -> None:
    undefined = facts(gap_before={"k-NN mixing": math.nan, "centroid distance": 0.5}, gap_after={"k-NN mixing": 0.25})
    info = release_pretrain(fill(disk_lake), small_recipe(), SHARDS, undefined)
    text = Path(info.path, "README.md").read_text(encoding="utf-8")
    assert "| centroid distance | 0.5 |  |  |\n| k-NN mixing |  | 0.25 |  |" in text
    assert "NaN" not in Path(info.path, "manifest.json").read_text(encoding="utf-8")


def test_package_versions_leave_out_what_is_not_installed() -> None:
    assert set(package_versions(["numpy", "no-such-package-at-all"])) == {"numpy"}
