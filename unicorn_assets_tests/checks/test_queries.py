"""Every query passes on a sound lake, and each kind of damage is seen by the query that is there for it."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.checks.queries import Query, parse, queries, violations
from unicorn_assets.checks.views import open_views, thresholds
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.recipe import Recipe
from unicorn_assets_tests.lakes import SHARD, TinyLake, tiny_lake

RECIPE = Recipe.model_validate({
    "name": "tiny", "sources": [{"name": "tiny", "path": "tiny.txt"}], "llm": {},
    "captions": {"gates": {"min_words": 5, "max_words": 50}},
})  # fmt: skip
BY_ASSET = queries()
ON_TABLES = [
    q for asset, found in BY_ASSET.items() for q in found if asset in (*tiny_lake().tables, *tiny_lake().vectors)
]


def broken(query: Query, tiny: TinyLake, folder: Path) -> pl.DataFrame:
    connection = open_views(tiny.write(folder), query.asset, [SHARD])
    return violations(connection, query, thresholds(RECIPE))


def named(name: str) -> Query:
    asset, check = name.split(".")
    return next(q for q in BY_ASSET[asset] if q.name == check)


@pytest.mark.parametrize("query", ON_TABLES, ids=lambda q: f"{q.asset}.{q.name}")
def test_a_sound_lake_passes(query: Query, tmp_path: Path) -> None:
    assert broken(query, tiny_lake(), tmp_path).is_empty()


def twice(table: str) -> Callable[[TinyLake], None]:
    def damage(tiny: TinyLake) -> None:
        tiny.tables[table] = pl.concat([tiny.tables[table], tiny.tables[table].head(1)])

    return damage


def without_first(table: str) -> Callable[[TinyLake], None]:
    def damage(tiny: TinyLake) -> None:
        tiny.tables[table] = tiny.tables[table].slice(1)

    return damage


def cell(table: str, column: str, value: object) -> Callable[[TinyLake], None]:
    return lambda tiny: tiny.change(table, column, value)


def vector(
    name: str, change: Callable[[list[str], np.ndarray], tuple[list[str], np.ndarray]]
) -> Callable[[TinyLake], None]:
    def damage(tiny: TinyLake) -> None:
        ids, vectors = tiny.vectors[name]
        tiny.vectors[name] = change(list(ids), vectors.copy())

    return damage


def duplicates(**columns: object) -> Callable[[TinyLake], None]:
    def damage(tiny: TinyLake) -> None:
        ids = tiny.tables["captions"]["caption_id"].to_list()
        row = {
            "caption_id": [ids[0]],
            "duplicate_of": [ids[1]],
            "kind": ["jaccard"],
            "jaccard": [0.7],
            "cosine": [None],
            "shard": [SHARD],
        } | columns
        tiny.tables["near_duplicates"] = pl.DataFrame(row)

    return damage


def pair(**change: object) -> Callable[[TinyLake], None]:
    sound = {"question": "What is shown?", "options": ["a kite", "a pan", "a bench", "a tram"], "answer": "A"}
    return cell("multiple_choice", "pairs", [sound | change])


def leaked_draft(tiny: TinyLake) -> None:
    draft = tiny.tables["caption_drafts"].row(0, named=True)
    row = {"stage": "captions", "row_id": draft["caption_id"], "reason": "leaked", "attempts": 1}
    tiny.tables["quarantine/captions"] = pl.DataFrame([row], schema=polars_schema("quarantine"))


def many_pairs_with_one_letter(tiny: TinyLake) -> None:
    one = {"question": "What is shown?", "options": ["a", "b", "c", "d"], "answer": "B"}
    tiny.change("multiple_choice", "pairs", [one] * 80)


def many_captions_without_tasks(tiny: TinyLake) -> None:
    row = tiny.tables["captions"].tail(1)
    more = [row.with_columns(caption_id=pl.lit(f"c{n:016x}")) for n in range(100, 500)]
    tiny.tables["captions"] = pl.concat([tiny.tables["captions"], *more])


def turn(**change: str) -> Callable[[TinyLake], None]:
    first = {"from": "human", "value": "<image>\nWhat is shown?"} | change
    return cell("instructions", "conversations", [first, {"from": "gpt", "value": "A kite."}])


DAMAGES: dict[str, Callable[[TinyLake], None]] = {
    "seed_catalog.keys_unique": twice("seed_catalog"),
    "seed_catalog.text_present": cell("seed_catalog", "text", "  "),
    "seed_catalog.shards_named": cell("seed_catalog", "shard", "other-00000"),
    "seed_catalog.no_row_lost": cell("seed_catalog", "row", 0),
    "seeds.keys_unique": twice("seeds"),
    "seeds.same_as_catalog": without_first("seeds"),
    "seeds.text_normalised": cell("seeds", "text", "two  spaces"),
    "caption_drafts.keys_unique": twice("caption_drafts"),
    "caption_drafts.joined_to_seeds": cell("caption_drafts", "seed_id", "sffffffffffffffff"),
    "caption_drafts.no_row_lost": without_first("caption_drafts"),
    "caption_drafts.words_counted": cell("caption_drafts", "words", 3),
    "caption_drafts.origin_known": cell("caption_drafts", "prompt_version", ""),
    "caption_drafts.enough_accepted": lambda tiny: tiny.tables.update(
        caption_drafts=tiny.tables["caption_drafts"].head(1)
    ),
    "near_duplicates.keys_unique": lambda tiny: (duplicates()(tiny), twice("near_duplicates")(tiny))[0],
    "near_duplicates.joined_to_drafts": duplicates(caption_id=["cffffffffffffffff"]),
    "near_duplicates.first_is_kept": duplicates(duplicate_of=["c0000000000000000"]),
    "near_duplicates.similarity_in_range": duplicates(jaccard=[1.2]),
    "near_duplicates.not_too_many": duplicates(),
    "captions.keys_unique": twice("captions"),
    "captions.joined_to_parents": cell("captions", "text", "another text"),
    "captions.no_row_lost": without_first("captions"),
    "captions.no_near_duplicate": duplicates(),
    "captions.lengths_in_range": cell("captions", "words", 51),
    "captions.few_leaked": leaked_draft,
    "captions.task_shares": many_captions_without_tasks,
    "multiple_choice.options_sound": pair(options=["a", "A ", "b", "c"]),
    "multiple_choice.letters_balanced": many_pairs_with_one_letter,
    "instructions.keys_unique": twice("instructions"),
    "instructions.joined_to_captions": cell("instructions", "caption", "another text"),
    "instructions.roles_alternate": turn(**{"from": "gpt"}),
    "instructions.image_mark_first": turn(value="What is shown?"),
    "instructions.no_talk_of_captions": turn(value="<image>\nWhat does the caption say?"),
    "instructions.pairs_counted": cell("instructions", "pairs", 2),
    "text_embeddings.joined_to_captions": vector("text_embeddings", lambda ids, v: (ids[1:], v[1:])),
    "image_embeddings.joined_to_text": vector("image_embeddings", lambda ids, v: (ids[1:], v[1:])),
}
for task in TASK_NAMES:
    DAMAGES |= {
        f"{task}.keys_unique": twice(task),
        f"{task}.joined_to_captions": cell(task, "caption_id", "c0000000000000003"),
        f"{task}.no_row_lost": lambda tiny, t=task: tiny.tables.update(
            {t: tiny.tables[t].with_columns(caption_id=pl.lit("x"))}
        ),
        f"{task}.pairs_complete": cell(task, "pairs", [{"question": " ", "options": [], "answer": "x"}]),
    }
for name in ("text_embeddings", "image_embeddings"):
    DAMAGES |= {
        f"{name}.keys_unique": vector(name, lambda ids, v: ([ids[0], ids[0], *ids[2:]], v)),
        f"{name}.vectors_finite": vector(name, lambda ids, v: (ids, np.where(np.arange(8) == 3, np.nan, v))),
        f"{name}.unit_length": vector(name, lambda ids, v: (ids, v * 1.1)),
    }


@pytest.mark.parametrize("name", sorted(DAMAGES))
def test_damage_is_seen(name: str, tmp_path: Path) -> None:
    tiny = tiny_lake()
    DAMAGES[name](tiny)
    assert not broken(named(name), tiny, tmp_path).is_empty()


def nothing_in(*tables: str) -> Callable[[TinyLake], None]:
    return lambda tiny: tiny.tables.update({table: tiny.tables[table].clear() for table in tables})


COMPARED_NOTHING: dict[str, Callable[[TinyLake], None]] = {
    "seeds.same_as_catalog": nothing_in("seeds"),
    "caption_drafts.no_row_lost": nothing_in("caption_drafts", "quarantine/caption_drafts"),
    "captions.no_row_lost": nothing_in("captions"),
    "captions.no_near_duplicate": lambda tiny: tiny.tables.__delitem__("near_duplicates"),
    **{f"{task}.no_row_lost": nothing_in(task) for task in TASK_NAMES},
}


@pytest.mark.parametrize("name", sorted(COMPARED_NOTHING))
def test_a_check_that_had_nothing_to_look_at_does_not_pass(name: str, tmp_path: Path) -> None:
    tiny = tiny_lake()
    COMPARED_NOTHING[name](tiny)
    assert named(name).blocking
    assert SHARD in broken(named(name), tiny, tmp_path)["shard"].to_list()


def test_each_table_has_at_least_three_checks() -> None:
    assert {asset: len(found) for asset, found in BY_ASSET.items() if len(found) < 3} == {}


def test_between_all_stages_something_blocks() -> None:
    assert [asset for asset, found in BY_ASSET.items() if not any(q.blocking for q in found)] == [
        "unicorn_1_2m", "unicorn_471k_instruction",
    ]  # fmt: skip


def test_a_header_without_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="header needs about"):
        parse("seeds", "x", "-- about: something\nSELECT 1")


@given(st.permutations([("b", 1, None), ("b", 1, 2.0), ("a", 3, 1.0), ("a", None, 1.0)]))
def test_violations_come_in_one_order_whatever_duckdb_gives_first(rows: list[tuple[object, ...]]) -> None:
    values = ", ".join(f"({', '.join('NULL' if each is None else repr(each) for each in row)})" for row in rows)
    header = "-- about: a check\n-- severity: error\n-- blocking: yes\n"
    query = parse("captions", "some", f"{header}SELECT * FROM (VALUES {values}) AS t (shard, n, x)")
    with duckdb.connect() as connection:
        found = violations(connection, query, {})
    assert found.rows() == [("a", 3, 1.0), ("a", None, 1.0), ("b", 1, 2.0), ("b", 1, None)]
