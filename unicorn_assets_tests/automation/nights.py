"""Nights over a finished data set, in this process: the real sensor, and a daemon that makes what a backfill asks for.

And changes to plant in it, of the kinds that a night has to mend. For the suite and for benchmarks/operations.py.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from dagster._core.execution.backfill import PartitionBackfill

from unicorn_assets.automation import local_run
from unicorn_assets.automation.night import build_night
from unicorn_assets.automation.night_plan import NightState
from unicorn_assets.automation.night_settings import NightSettings
from unicorn_assets.definitions import build_defs
from unicorn_assets.graph import ASSETS, RELEASES
from unicorn_assets.home import find_home
from unicorn_assets.keys import asset_name
from unicorn_assets.lake.released import latest_release, release_manifest
from unicorn_assets.lake.shards import path_of
from unicorn_assets.lake.store import ALL, Lake
from unicorn_assets.partitions import RANGE_END, RANGE_START, known_shards, ranges
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets_tests.finished import Data, finished

MIDNIGHT = datetime(2026, 3, 1, 2, tzinfo=UTC)
Cells = dict[str, list[str]]


@dataclass
class Nights:
    """A data set whose nights pass when `night` is called; `rounds` is what the last one asked for."""

    data: Data
    instance: dg.DagsterInstance
    settings: NightSettings = field(default_factory=NightSettings)
    now: datetime = MIDNIGHT
    cursor: str | None = None
    rounds: list[Cells] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = find_home(str(self.data.home), recipe=str(self.data.recipe))
        self.data_set = load_recipe(self.home.recipe).name
        self.build()

    @property
    def lake(self) -> Lake:
        return Lake(self.home.lake_url)

    @property
    def folder(self) -> Path:
        return self.data.recipe.parent

    @property
    def state(self) -> NightState:
        return NightState.from_dict(json.loads(self.cursor or "{}"))

    def build(self) -> None:
        """Load the code location, as each run's process does."""
        definitions = build_defs(self.home)
        self.repository = definitions.get_repository_def()
        self.job = definitions.resolve_implicit_global_asset_job_def()
        self.sensor = build_night(self.home, self.settings, lambda: self.now)

    def look(self) -> dg.SensorResult:
        """One evaluation of the sensor; its cursor is kept."""
        context = dg.build_sensor_context(self.instance, self.cursor, repository_def=self.repository)
        result = self.sensor.evaluate_tick(context)
        self.cursor = result.cursor
        return result

    def night(self, most: int = 12) -> str:
        """A whole night, each backfill made as soon as it is asked for; why it ended."""
        self.rounds, self.failed = [], []
        for _ in range(most):
            result = self.look()
            for request in result.run_requests or ():
                self._backfill(request)
            if not result.run_requests:
                self.now += timedelta(days=1)
                return result.skip_message or ""
        raise AssertionError(f"a night without end: {self.rounds}")

    def _backfill(self, request: dg.RunRequest) -> None:
        subset = request.asset_graph_subset
        assert subset is not None
        PartitionBackfill.from_asset_graph_subset("b", 0.0, request.tags, self.instance, subset, None, None, {})
        cells: Cells = {}
        for key, shard in subset.iterate_asset_partitions():
            cells.setdefault(asset_name(key), []).append(shard or ALL)
        cells = {name: sorted(cells[name]) for name in ASSETS if name in cells}
        self.rounds.append(cells)
        self.build()
        groups: list[tuple[list[str], list[str]]] = []
        for name, shards in cells.items():  # neighbours over the same shards are one run
            if groups and groups[-1][1] == shards:
                groups[-1][0].append(name)
            else:
                groups.append(([name], shards))
        for names, shards in groups:
            known = known_shards(self.instance, self.data_set)
            for start, end in ranges(known, shards) if shards != [ALL] else [("", "")]:
                self._run(names, {**request.tags, **({RANGE_START: start, RANGE_END: end} if start else {})})

    def _run(self, names: list[str], tags: dict[str, str]) -> None:
        keys = [key for key in self.job.asset_layer.asset_graph.get_all_asset_keys() if asset_name(key) in names]
        done = self.job.execute_in_process(
            asset_selection=keys, instance=self.instance, tags=tags, raise_on_error=False, run_config=local_run.CONFIG
        )
        if not done.success:
            self.failed += [event.step_key or "" for event in done.all_events if event.is_step_failure]

    def versions(self) -> dict[str, str | None]:
        return {name: latest_release(self.lake, name) for name in RELEASES}

    def captions(self) -> int:
        """Captions of the newest release."""
        version = latest_release(self.lake, RELEASES[0])
        assert version is not None
        return int(release_manifest(self.lake, RELEASES[0], version)["rows"])


@contextmanager
def nights(folder: Path, rows: int = 100) -> Iterator[Nights]:
    """A finished data set with nights."""
    with finished(folder, rows) as data, local_run.local_instance(find_home(str(data.home))) as instance:
        yield Nights(data, instance)


# ---- changes to plant


def append_rows(nights: Nights, shard: str = "") -> None:
    """More rows than the last shard of a source has room for."""
    with (nights.folder / "lines.txt").open("a", encoding="utf-8") as file:
        start = nights.lake.read("seed_catalog").height
        file.write("".join(f"late {start + number} near a canal\n" for number in range(9)))


def add_source(nights: Nights, shard: str = "") -> None:
    text = nights.data.recipe.read_text(encoding="utf-8")
    name = f"added{text.count('path: added')}"
    (nights.folder / f"{name}.txt").write_text("".join(f"{name} {n} by a pond\n" for n in range(6)), encoding="utf-8")
    line = "  - {name: more, path: more.txt}\n"
    text = text.replace(line, f"{line}  - {{name: {name}, path: {name}.txt}}\n")
    nights.data.recipe.write_text(text, encoding="utf-8")


def edit_prompt(nights: Nights, shard: str = "") -> None:
    import unicorn_assets.captions as room

    text = (Path(room.__file__).parent / "prompts" / "dense.md").read_text(encoding="utf-8")
    own = nights.folder / "own.md"
    times = own.read_text(encoding="utf-8").count("Mind the light.") + 1 if own.exists() else 1
    own.write_text(text.rstrip() + "\nMind the light." * times + "\n", encoding="utf-8")
    recipe = nights.data.recipe.read_text(encoding="utf-8")
    if "own.md" not in recipe:
        nights.data.recipe.write_text(recipe.replace("captions:\n", "captions:\n  prompt: own.md\n"), encoding="utf-8")


def damage_shard(nights: Nights, asset: str = "captions", shard: str = "lines-00001") -> None:
    path = Path(nights.home.lake_url) / path_of(asset, shard)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def delete_shard(nights: Nights, asset: str = "captions", shard: str = "lines-00001") -> None:
    (Path(nights.home.lake_url) / path_of(asset, shard)).unlink()


def break_check(nights: Nights, asset: str = "captions", shard: str = "lines-00001") -> None:
    """Sealed again with a cell that breaks a rule that blocks."""
    _reseal(nights, asset, shard, "words", 9999)


def replace_parent(nights: Nights, asset: str = "caption_drafts", shard: str = "lines-00001") -> None:
    """Another text that breaks no rule, in a table that others are made of."""
    text = nights.lake.read(asset, shard)["text"][0]
    _reseal(
        nights,
        asset,
        shard,
        "text",
        text.replace("A man", "A girl") if "A man" in text else text.replace("girl", "boy"),
    )


def replace_images(nights: Nights, asset: str = "", shard: str = "") -> None:
    """Other images that the vectors are moved towards."""
    images = np.load(nights.folder / "images.npy")
    np.save(nights.folder / "images.npy", np.roll(images, 1, axis=1))


def _reseal(nights: Nights, asset: str, shard: str, column: str, value: Any) -> None:
    lake = nights.lake
    info, frame = lake.info(asset, shard), lake.read(asset, shard)
    assert info is not None
    cells = [value, *frame[column].to_list()[1:]]
    lake.write(
        asset, shard, frame.with_columns(pl.Series(column, cells, dtype=frame.schema[column])), info.made, info.extra
    )


PLANTS: dict[str, Callable[..., None]] = {
    "rows appended": append_rows, "source added": add_source, "prompt edited": edit_prompt,
    "shard damaged": damage_shard, "shard deleted": delete_shard, "check failed": break_check,
    "parent replaced": replace_parent,
}  # fmt: skip
