import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rensa import RMinHash

from unicorn_assets.curation import signatures as module
from unicorn_assets.curation.signatures import PERMUTATIONS, SEED, jaccard, plain, shingles, signatures, similarity
from unicorn_assets.curation.words import words

TEXTS = st.lists(st.text(st.sampled_from("abcXYZ é—’'-_ 19.!?\n"), max_size=40), max_size=6)


def by_rensa(texts: list[str], size: int) -> np.ndarray:
    sets = [shingles(text, size) for text in texts]
    rows = [sketch.digest() for sketch in RMinHash.from_token_sets(sets, PERMUTATIONS, SEED)]
    return np.array(rows, np.uint32).reshape(len(texts), PERMUTATIONS)


@settings(max_examples=25, deadline=None)
@given(TEXTS, st.integers(2, 12))
def test_shingles_hashed_at_once_give_the_signatures_that_rensa_gives(texts: list[str], size: int) -> None:
    assert (signatures(texts, size) == by_rensa(texts, size)).all()


@given(st.text(st.sampled_from("aB é—’'-_ 19.!?\n"), max_size=60))
def test_the_short_way_for_ascii_finds_the_same_words(text: str) -> None:
    assert plain(text) == " ".join(words(text))


@given(TEXTS, st.integers(2, 12))
def test_similarity_is_the_jaccard_of_the_sets(texts: list[str], size: int) -> None:
    for one in texts:
        assert similarity(one, texts[0], size) == jaccard(shingles(one, size), shingles(texts[0], size))


def test_another_rensa_that_hashes_otherwise_hashes_for_itself(monkeypatch) -> None:
    rng = random.Random(1)
    texts = ["".join(rng.choices("abcde fgh", k=50)) for _ in range(20)]
    fast = signatures(texts, 5)
    monkeypatch.setattr(module, "_hashes_as_rensa", lambda: False)
    assert (signatures(texts, 5) == fast).all()
