import random
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from unicorn_assets.curation.bands import bands_for
from unicorn_assets.curation.near_duplicates import (
    Drafts,
    Repeat,
    clusters,
    in_order,
    near_duplicates,
    rules,
    search,
    version,
)
from unicorn_assets.curation.signatures import jaccard, shingles, signatures
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets_tests.scripted import recipe

RANDOM = random.Random(7)
WORDS = ["".join(RANDOM.choice("abcdeghiklmnoprstu") for _ in range(RANDOM.randint(2, 9))) for _ in range(3000)]
RECIPE = recipe()


def caption(rng: random.Random, size: int = 36) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(size))


def edited(text: str, rng: random.Random, share: float = 0.1) -> str:
    words = text.split()
    for place in rng.sample(range(len(words)), round(share * len(words))):
        words[place] = rng.choice(WORDS)
    return " ".join(words)


def frame(texts: list[str], first: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"caption_id": [f"c{first + n}" for n in range(len(texts))], "text": texts})


def test_ten_percent_edits_are_found_and_unrelated_captions_kept():
    rng = random.Random(1)
    base = [caption(rng) for _ in range(300)]
    copies = [edited(text, rng) for text in base]
    found = near_duplicates([("a-00000", frame(base)), ("b-00000", frame(copies, 300))], RECIPE)
    assert dict(found.schema) == polars_schema("near_duplicates")
    expected = {f"c{300 + n}": f"c{n}" for n in range(300)}
    assert dict(zip(found["caption_id"], found["duplicate_of"], strict=True)) == expected
    assert set(found["shard"]) == {"b-00000"}


def test_every_reported_similarity_is_the_true_one():
    rng = random.Random(2)
    base = [caption(rng) for _ in range(60)]
    texts = base + [edited(rng.choice(base), rng, share) for share in (0.05, 0.1, 0.2, 0.3, 0.4) for _ in range(20)]
    found = near_duplicates([("a", frame(texts))], RECIPE)
    assert len(found) > 20
    for row in found.iter_rows(named=True):
        one, other = (shingles(texts[int(row[key][1:])], 5) for key in ("caption_id", "duplicate_of"))
        assert row["jaccard"] == jaccard(one, other) >= 0.6


def test_candidates_below_the_threshold_are_not_believed():
    rng = random.Random(3)
    head = caption(rng, 18)
    texts = [f"{head} {caption(rng, 18)}" for _ in range(40)]  # share half of their words, Jaccard about one third
    assert len(near_duplicates([("a", frame(texts))], RECIPE)) == 0
    low = recipe(near_duplicates={"threshold": 0.25})
    assert len(near_duplicates([("a", frame(texts))], low)) == 39


def test_the_earlier_caption_wins_and_a_dropped_one_drops_nobody():
    rng = random.Random(4)
    first = caption(rng, 40)
    second = edited(first, rng, 0.15)
    third = edited(second, rng, 0.15)
    threshold = jaccard(shingles(first, 5), shingles(second, 5))
    chain = recipe(near_duplicates={"threshold": round(threshold - 0.001, 3)})
    assert jaccard(shingles(first, 5), shingles(third, 5)) < threshold - 0.02
    found = near_duplicates([("a", frame([first, second, third]))], chain)
    assert found.select("caption_id", "duplicate_of").rows() == [("c1", "c0")]


def test_exact_copies_case_and_punctuation_do_not_hide_a_repeat():
    texts = ["A red bus stops.", "A red bus stops.", "a RED bus, stops", "A blue bird sings."]
    found = near_duplicates([("a", frame(texts))], RECIPE)
    assert found["caption_id"].to_list() == ["c1", "c2"]
    assert found["jaccard"].to_list() == [1.0, 1.0]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 59), max_size=4), st.randoms(use_true_random=False))
def test_streaming_in_shards_equals_one_batch(cuts: list[int], rng: random.Random):
    base = [caption(random.Random(n), 20) for n in range(20)]
    texts = [rng.choice(base) if rng.random() < 0.3 else edited(rng.choice(base), rng) for _ in range(60)]
    whole = frame(texts)
    edges = [0, *sorted(cuts), 60]
    parts = ((f"p{n}", whole[start:end]) for n, (start, end) in enumerate(pairwise(edges)))
    steps: list[int] = []
    streamed = near_duplicates(parts, RECIPE, steps.append)
    assert_frame_equal(streamed.drop("shard"), near_duplicates([("all", whole)], RECIPE).drop("shard"))
    assert steps == [end - start for start, end in pairwise(edges)]


@given(st.text(max_size=60), st.text(max_size=60))
def test_jaccard_is_symmetric_and_between_0_and_1(one: str, other: str):
    a, b = shingles(one, 5), shingles(other, 5)
    assert jaccard(a, b) == jaccard(b, a)
    assert 0 <= jaccard(a, b) <= 1
    assert jaccard(a, a) == 1


def test_nothing_in_nothing_out():
    assert len(near_duplicates([], RECIPE)) == 0
    assert len(near_duplicates([("a", frame([]).cast(pl.String))], RECIPE)) == 0


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.8, 0.95])
def test_bands_miss_at_most_two_of_a_hundred_pairs_at_the_threshold(threshold: float):
    bands = bands_for(threshold)
    assert 1 - (1 - threshold ** (128 // bands)) ** bands >= 0.98


def test_version_follows_its_own_section_only():
    assert version(RECIPE) == version(recipe(captions={"prompt": "short"}))
    assert version(RECIPE) != version(recipe(near_duplicates={"threshold": 0.5}))


def drafts_of(
    texts: list[str], signed: np.ndarray, names: Iterable[str], known: pl.DataFrame, same: set[str] = frozenset(),
    vectors: np.ndarray | None = None,
) -> list[Drafts]:  # fmt: skip
    """Every seventh text for each shard, in the order in which they count; those in `same` are known already."""
    parts = []
    for shard in in_order(names, SOURCES):
        numbers = list(range(int(shard[-1]), len(texts), 7))
        ids, own, matrix = [f"c{n}" for n in numbers], [texts[n] for n in numbers], signed[numbers]
        rows = known.filter(pl.col("shard") == shard).drop("shard").iter_rows()
        old = {one: Repeat(*rest) for one, *rest in rows} if shard in same else None
        meant = None if vectors is None else lambda own=vectors[numbers]: own
        parts.append(Drafts(shard, len(ids), lambda ids=ids, m=matrix: (ids, m), lambda own=own: own, old, meant))
    return parts


SOURCES = recipe(sources=[{"name": name, "path": "x.txt"} for name in "cab"])
SHARDS = ["a-00000", "a-00001", "b-00002", "b-00003", "c-00004", "c-00005", "c-00006"]


@settings(max_examples=10, deadline=None)
@given(st.sets(st.sampled_from(SHARDS)), st.sets(st.sampled_from(SHARDS)), st.randoms(use_true_random=False))
def test_what_was_known_before_and_the_order_of_making_change_nothing(
    before: set[str], now: set[str], rng: random.Random
):
    base = [caption(random.Random(n), 16) for n in range(14)]
    texts = [edited(rng.choice(base), rng, rng.choice((0.05, 0.1, 0.15, 0.2))) for _ in range(98)]
    signed, limits, none = signatures(texts, 5), SOURCES.near_duplicates, near_duplicates([], RECIPE)
    known = search(drafts_of(texts, signed, before, none), limits)
    later = search(drafts_of(texts, signed, now, known, before & now), limits)
    assert_frame_equal(later, search(drafts_of(texts, signed, now, none), limits))


def one_by_one(parts: list[Drafts], threshold: float, least: float) -> list[tuple[str, str, str]]:
    """(caption, what it repeats, kind), each caption compared with every kept one before it."""
    kept: list[tuple[str, set[str], np.ndarray]] = []
    found = []
    for part in parts:
        vectors = part.meant().astype(np.float64)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        for name, text, vector in zip(part.signed()[0], part.texts(), vectors, strict=True):
            own = shingles(text, 5)
            alike = [(jaccard(own, other), of) for of, other, _ in kept]
            near = [(round(float(vector @ other), 6), of) for of, _, other in kept]
            repeats = [pair for pair in alike if pair[0] >= threshold]
            means = [pair for pair in near if pair[0] >= least]
            if not (repeats or means):
                kept.append((name, own, vector))
                continue
            best = max(value for value, _ in repeats or means)
            kind = "cosine" if not repeats else "exact" if best == 1 else "jaccard"
            found.append((name, next(of for value, of in repeats or means if value == best), kind))
    return found


@settings(max_examples=8, deadline=None)
@given(
    st.sets(st.sampled_from(SHARDS)), st.sets(st.sampled_from(SHARDS)), st.randoms(use_true_random=False),
    st.sampled_from([0.8, 0.9, 0.97]),
)  # fmt: skip
def test_meaning_in_any_order_of_making_is_what_comparing_all_gives(
    before: set[str], now: set[str], rng: random.Random, least: float
):
    base = [caption(random.Random(n), 16) for n in range(30)]
    chosen = [rng.randrange(30) for _ in range(98)]
    texts = [edited(base[n], rng, rng.choice((0.0, 0.1, 0.6, 0.9))) for n in chosen]
    numbers = np.random.default_rng(rng.randrange(2**32))
    middles = numbers.normal(size=(30, 80))
    vectors = middles[chosen] + numbers.choice([0.2, 0.5, 1.0], (98, 1)) * numbers.normal(size=(98, 80))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    limits = recipe(near_duplicates={"cosine": least}).near_duplicates
    signed, none = signatures(texts, 5), near_duplicates([], RECIPE)
    known = search(drafts_of(texts, signed, before, none, vectors=vectors), limits)
    later = search(drafts_of(texts, signed, now, known, before & now, vectors), limits)
    parts = drafts_of(texts, signed, now, none, vectors=vectors)
    assert_frame_equal(later, search(parts, limits))
    assert later.select("caption_id", "duplicate_of", "kind").rows() == one_by_one(parts, 0.6, least)


def test_shards_count_by_the_order_of_sources():
    assert in_order(["a-00001", "zoo-00000", "b-00000", "c-00001", "c-00000", "a-00000"], SOURCES) == [
        "c-00000", "c-00001", "a-00000", "a-00001", "b-00000", "zoo-00000",
    ]  # fmt: skip
    other = recipe(sources=[{"name": name, "path": "x.txt"} for name in "abc"])
    assert rules(other) == rules(SOURCES)
    assert version(other) != version(SOURCES)


def test_clusters_are_counted():
    found = near_duplicates([("a", frame(["A red bus stops.", "a red bus stops", "A red bus, stops", "One."]))], RECIPE)
    assert clusters(found) == {"captions with repeats": 1, "most repeats of one": 2, "repeats by exact": 2}
    assert clusters(found.clear()) == {"captions with repeats": 0, "most repeats of one": 0}
