"""Figures of diversity on texts whose figures are known."""

import math

import numpy as np
import pytest

from unicorn_assets.curation.diversity import ABOUT, brief, diversity, self_bleu, self_repetition, vendi

RED = "a red bus stops by the old stone bridge"
TEXTS = [RED, "two grey dogs sleep under a wide table", "rain falls on the tin roof of a small barn"]


def test_all_figures_are_explained_and_identical_texts_are_the_least_varied() -> None:
    varied, same = diversity(TEXTS, ["a", "b", "b"]), diversity([RED] * 3, ["a"] * 3)
    assert list(varied) == [name for name in ABOUT if name in varied]
    assert varied["type_token_ratio"] > same["type_token_ratio"] - 0.2
    assert same["self_bleu"] == same["self_repetition"] == 1.0
    assert varied["self_bleu"] < 0.3
    assert varied["self_repetition"] == 0.0
    assert varied["distinct_2"] > same["distinct_2"]
    assert varied["compression_ratio"] < same["compression_ratio"]
    assert same["domain_evenness"] == same["domains"] == 1.0
    assert varied["domain_evenness"] == pytest.approx(-(math.log2(1 / 3) + 2 * math.log2(2 / 3)) / 3, abs=1e-4)
    assert diversity([]) == diversity([" "]) == {}


def test_windows_make_long_and_short_texts_comparable() -> None:
    text = " ".join(f"w{n % 60}" for n in range(120))
    assert diversity([text])["type_token_ratio"] == 0.5
    assert diversity([text])["type_token_ratio_50"] == 1.0
    assert "type_token_ratio_50" not in diversity(TEXTS)


def test_ratio_and_entropy_as_the_paper_reports_them() -> None:
    assert brief(["a b a b", "c d e f"]) == {"type-token ratio": 0.75, "token entropy": 1.5}
    assert brief([""]) == {}


def test_bleu_against_the_others_never_against_itself() -> None:
    a, b = tuple("abcdef"), tuple("abcdxy")
    expected = math.exp((math.log(4 / 6) + math.log(3 / 5) + math.log(2 / 4) + math.log(1 / 3)) / 4)
    assert self_bleu([a, b]) == pytest.approx(expected)
    assert self_bleu([a]) == 0.0
    assert self_repetition([tuple("abcdefgh"), tuple("xabcdefgh"), tuple("abc")]) == pytest.approx(2 / 3)


def test_vendi_counts_directions() -> None:
    assert vendi(np.eye(8)[[0, 0, 0]]) == pytest.approx(1)
    assert vendi(np.eye(8) * 3) == pytest.approx(8)
    assert vendi(np.array([[1.0, 0], [0, 0], [np.nan, 1]])) == pytest.approx(1)
    assert vendi(np.zeros((0, 4))) == 0.0
