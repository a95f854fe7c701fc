"""Whatever is done to the sources: a seed that survives never moves, and no shard is overfilled."""

import re
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from unicorn_assets.recipe import Recipe
from unicorn_assets.seeds.catalog import build_catalog, shards_of

NAMES = ("a", "a-0", "b")
ROWS = 3


class Sources(RuleBasedStateMachine):
    """Three sources under appends, edits, removals and moves; a catalog is built now and then."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.texts: dict[str, list[str]] = {}
        self.catalog: pl.DataFrame | None = None

    def teardown(self) -> None:
        self._folder.cleanup()

    @initialize(texts=st.lists(st.integers(0, 30), min_size=1, max_size=8))
    def begin(self, texts: list[int]) -> None:
        self.texts = {name: [f"{name} seed"] for name in NAMES}
        self.texts["a"] += [f"text {n}" for n in texts]

    @rule(name=st.sampled_from(NAMES), at=st.integers(0, 20), texts=st.lists(st.integers(0, 30), max_size=7))
    def insert(self, name: str, at: int, texts: list[int]) -> None:
        self.texts[name][at:at] = [f"text {n}" for n in texts]

    @rule(name=st.sampled_from(NAMES), at=st.integers(0, 20), count=st.integers(1, 9))
    def remove(self, name: str, at: int, count: int) -> None:
        del self.texts[name][at : at + count]

    @rule(name=st.sampled_from(NAMES), at=st.integers(0, 20), text=st.integers(0, 30))
    def edit(self, name: str, at: int, text: int) -> None:
        self.texts[name][at : at + 1] = [f"text {text}"]

    @rule(name=st.sampled_from(NAMES))
    def reverse(self, name: str) -> None:
        self.texts[name].reverse()

    @rule(order=st.permutations(NAMES))
    def build(self, order: list[str]) -> None:
        present = [name for name in order if self.texts[name]]
        if not present:
            return
        folder = Path(self._folder.name)
        for name in present:
            (folder / f"{name}.txt").write_text("\n".join(self.texts[name]))
        sources = [{"name": name, "path": f"{name}.txt"} for name in present]
        recipe = Recipe.model_validate({"name": "test", "sources": sources, "llm": {}, "shard_rows": ROWS})
        recipe._folder = folder
        before = self.catalog
        result = build_catalog(recipe, before)
        self.catalog = result.catalog

        wanted = {text for name in present for text in self.texts[name]}
        assert set(result.catalog["text"]) == wanted
        assert result.catalog["seed_id"].is_unique().all()
        rows = sum(len(self.texts[name]) for name in present)
        assert result.catalog.height + result.quarantine.height == rows
        if before is not None:
            both = before.join(result.catalog, on="seed_id", suffix="_now")
            assert both["shard"].to_list() == both["shard_now"].to_list()
            assert result.added == result.catalog.height - both.height
            assert result.removed == before.height - both.height
        assert build_catalog(recipe, result.catalog).catalog.equals(result.catalog)

    @invariant()
    def shards_are_well_formed(self) -> None:
        if self.catalog is None:
            return
        assert self.catalog["shard"].value_counts()["count"].max() <= ROWS
        assert all(re.fullmatch(r"(a|a-0|b)-\d{5}", key) for key in shards_of(self.catalog))
        assert self.catalog["shard"].is_sorted()


TestSources = Sources.TestCase
TestSources.settings = settings(max_examples=30, stateful_step_count=15)
