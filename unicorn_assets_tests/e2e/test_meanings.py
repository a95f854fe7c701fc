"""Repeats of meaning through the real command line: the key refuses them, and taking it out brings them back.

LLM and encoder are scripts.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from unicorn_assets.checks.queries import queries, violations
from unicorn_assets.checks.views import open_views
from unicorn_assets.encoders.protocol import TextVectors
from unicorn_assets.lake.store import ALL, Lake
from unicorn_assets.resources.encoder import EncoderResource
from unicorn_assets_tests.finished import Data, finished, unicorn
from unicorn_assets_tests.plan.server import THINGS

PARTS = [("seed_catalog", "seeds", "caption_drafts", "near_duplicates", "captions", "multiple_choice")]


def thing(text: str) -> int:
    """Of which thing the caption tells first."""
    return next((THINGS.index(word) for word in text.split() if word in THINGS), 0)


class Things:
    """A text means the thing that it tells of."""

    dimension = len(THINGS)

    def embed_texts(self, texts: Any, on_progress: Any = None) -> TextVectors:
        (on_progress or (lambda _: None))(len(texts))
        return TextVectors(np.eye(len(THINGS), dtype=np.float32)[[thing(text) for text in texts]], [])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    with finished(tmp_path_factory.mktemp("meanings"), rows=48, parts=PARTS) as data:
        yield data


def whole(lake: Lake, table: str) -> pl.DataFrame:
    return pl.concat([lake.read(table, shard) for shard in lake.shards(table)])


def test_the_key_refuses_repeats_of_meaning_and_taking_it_out_brings_them_back(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, plain, calls = Lake(str(data.home / "lake")), data.recipe.read_text("utf-8"), data.server.calls
    before = {shard: lake.info("captions", shard).content for shard in lake.shards("captions")}
    drafts = whole(lake, "caption_drafts")
    firsts = drafts.with_columns(thing=drafts["text"].map_elements(thing, pl.Int64)).unique("thing", keep="first")

    monkeypatch.setattr(EncoderResource, "comparer", lambda _: Things())
    data.recipe.write_text(plain.replace("threshold: 1.0", "threshold: 1.0, cosine: 0.95"), "utf-8")
    done = data.run(data.home)
    assert done.exit_code == 0, done.output
    assert data.server.calls == calls
    table = lake.read("near_duplicates")
    assert set(table["kind"]) >= {"cosine"}
    assert set(whole(lake, "captions")["caption_id"]) == set(firsts["caption_id"])
    with open_views(lake, "near_duplicates", lake.shards("captions")) as connection:
        for query in queries()["near_duplicates"]:
            limits = {"max_near_duplicates": 1.0}
            assert violations(connection, query, limits).is_empty(), query.name
    (row, *_) = table.filter(pl.col("kind") == "cosine").iter_rows(named=True)
    chain = unicorn(data.home, "lineage", row["caption_id"], "--json", "--recipe", str(data.recipe))
    assert '"kind": "cosine", "jaccard"' in " ".join(chain.stdout.split())
    assert f"says what {row['duplicate_of']} says, with a cosine of 1.000" in chain.stdout
    (group,) = [
        each for each in json.loads(unicorn(data.home, "quarantine", "--json").stdout)
        if (each["stage"], each["reason"]) == ("captions", "near_duplicate")
    ]  # fmt: skip
    assert "or `cosine` beside it" in group["instead"]
    info = lake.info("near_duplicates", ALL)
    assert info is not None
    assert info.extra["longer than the encoder's window"] == 0

    monkeypatch.setattr(EncoderResource, "comparer", lambda _: pytest.fail("nothing is to be read"))
    assert data.run(data.home).exit_code == 0
    data.recipe.write_text(plain, "utf-8")
    assert data.run(data.home).exit_code == 0
    assert {shard: lake.info("captions", shard).content for shard in lake.shards("captions")} == before
    assert data.server.calls == calls


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("near_duplicates: {cosine: 0.9}\nlanguage: es", "near_duplicates.cosine: the pocket encoder reads English"),
        ("near_duplicates: {encoder: {kind: pocket}}", "has an encoder and no 'cosine'"),
        ("near_duplicates: {cosine: 0}", "greater than 0"),
    ],
)
def test_a_recipe_that_cannot_be_compared_is_told_in_a_line(data: Data, section: str, words: str) -> None:
    path = data.recipe.with_name("wrong.yaml")
    lines = [line for line in data.recipe.read_text("utf-8").splitlines() if not line.startswith("near_duplicates")]
    path.write_text("\n".join([*lines, section]), "utf-8")
    found = unicorn(data.home, "run", "--recipe", str(path))
    assert found.exit_code == 2
    assert words in " ".join(found.output.split())
