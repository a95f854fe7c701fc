"""The paper's recipe from seeds to releases through the real command line, small, with a stand-in for its LLM.

Prompts, gates, `accept`, shares and move are as shipped; sources are cut to 200 seeds (UNICORN_PAPER_SEEDS says another
number), the LLM is a script that answers as a strong model would, the encoder draws vectors from a hash of the text.
"""

import os
from pathlib import Path

import polars as pl
import pytest
import yaml

from unicorn_assets.automation import local_run
from unicorn_assets.graph import RELEASES
from unicorn_assets.lake.released import latest_release
from unicorn_assets.lake.store import Lake
from unicorn_assets.resources.encoder import EncoderResource
from unicorn_assets_tests.e2e.strong_stand_in import COLOURS, PLACES, THINGS, VERBS, Strong
from unicorn_assets_tests.finished import records_in_memory, stand_in, unicorn

RECIPES = Path(__file__).parents[2] / "recipes"
SEEDS = int(os.environ.get("UNICORN_PAPER_SEEDS", "200"))


def small(folder: Path, url: str) -> Path:
    """The paper's recipe over lines and 40 seeds of each of two domains."""
    raw = yaml.safe_load((RECIPES / "unicorn-1.2m.yaml").read_text(encoding="utf-8"))
    lines = [
        f"A {COLOURS[i % 10]} {THINGS[i % 24]} {VERBS[i % 4]} by the {PLACES[(i * 7 + i // 24) % 24]} number {i}."
        for i in range(SEEDS - 80)
    ]
    (folder / "open.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    domains = [source for source in raw["sources"] if source["name"] in ("birds", "tools")]
    for source in domains:
        source |= {"max_rows": 40, **{key: str(RECIPES / source[key]) for key in ("labels", "templates")}}
    raw["sources"] = [{"name": "open-domain", "path": "open.txt"}, *domains]
    raw["llm"] = {"endpoint": "url", "url": url, "model": "m", "concurrency": 8}
    raw["captions"]["prompt"] = str(RECIPES / raw["captions"]["prompt"])
    del raw["encoder"]
    raw["image_reference"] = {"kind": "vectors", "path": "images.npy"}
    raw["checks"] = {"max_gap_after": 9, "max_separability_after": 1, "min_neighbour_overlap": 0}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    return folder / "recipe.yaml"


def test_the_paper_s_recipe_runs_from_seeds_to_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = stand_in()
    with Strong() as server, records_in_memory():
        for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(local_run, "PARTS", local_run.PARTS)
        monkeypatch.setattr(EncoderResource, "open", encoder.opened)
        encoder.write_images(tmp_path / "images.npy")
        done = unicorn(tmp_path / "home", "run", "--recipe", str(small(tmp_path, server.url)))
    assert done.exit_code == 0, done.output
    lake = Lake(str(tmp_path / "home" / "lake"))
    captions = pl.concat([lake.read("captions", shard) for shard in lake.shards("captions")])
    records = pl.concat([lake.read("instructions", shard) for shard in lake.shards("instructions")])
    assert captions.height >= 0.94 * SEEDS
    assert captions["words"].min() >= 51
    assert 0.25 * SEEDS < records.height < 0.55 * SEEDS
    assert all(latest_release(lake, release) for release in RELEASES)
