"""Text from strangers: it can be stored, and what nobody sees is gone while every script and emoji stays whole."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.text import MOST_MARKS, storable, storable_in, visible
from unicorn_assets_tests.costs import grows_with_length

ODD = st.text(
    st.characters()
    | st.sampled_from(
        "\0\x1b[31m\u200b\u200c\u200d\ufe0f\ufe0e\ufeff\u2060\u202e\xad\ud83d\ude00👩💻❤نک्ष\u0301e🏴\U000e0067\U000e007f#\u20e3"
    )
)


@settings(max_examples=300)
@given(st.text(st.characters() | st.characters(categories=("Cs",))) | ODD)
def test_what_is_storable_goes_into_every_store(text):
    kept = storable(text)
    kept.encode()
    assert "\0" not in kept
    assert storable(kept) == kept
    assert pl.DataFrame({"text": [kept]})["text"][0] == kept
    assert not text.isprintable() or kept == text


def test_halves_that_belong_together_are_joined_and_lone_ones_marked():
    assert storable("a \ud83d\ude00 b \ud83d c \0") == "a 😀 b \ufffd c \ufffd"
    assert storable_in({"a\0": ["\ud800", {"b": ("x", 1, None)}]}) == {"a\ufffd": ["\ufffd", {"b": ["x", 1, None]}]}


@settings(max_examples=500)
@given(ODD)
def test_making_visible_twice_changes_nothing(text):
    once = visible(text)
    assert visible(once) == once == storable(once)
    assert unicodedata.is_normalized("NFC", once)
    assert not set(once) & set("\0\x1b\u200b\u2060\ufeff\u202e\xad\u2028\u00a0\u202f")


@pytest.mark.parametrize(
    "text",
    [
        "A family 👨‍👩‍👧‍👦, a woman 👩🏽‍💻 and a flag 🏳️‍🌈 🏴󠁧󠁢󠁳󠁣󠁴󠁿, keycap 1️⃣, heart ❤️",
        "می‌خواهم نامه‌ای بنویسم",  # Persian needs its non-joiners
        "ক্‍ষ ന്‍ र्‍य",  # Bengali, Malayalam, Marathi
        "שָׁלוֹם עולם and مرحبا بالعالم",
        "葛󠄀城市",
        "naïve café, 18 °C, ½, “quotes”, 東京, Ωmega, e\n\tf",
    ],
)
def test_scripts_and_emoji_stay_as_they_are(text):
    assert visible(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a ladder leans\u200b here\u2060\ufeff", "a ladder leans here"),
        ("Two\u202fladders\u00a0lean\u3000here", "Two ladders lean here"),
        ("a lad\xadder", "a ladder"),
        ("grey \u202ewall\u202c \u2066x\u2069", "grey wall x"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07door", "red door"),
        ("\x9b31mred\x9b0m \x9d0;title\x9c\x1b(Bdo\x1bPq#0\x1b\\or", "red door"),
        ("\x9bHello", "Hello"),  # a quotation mark of Windows, read as Latin-1
        ("cafe\u0301", "café"),
        ("one\u2028two\r\nthree\rfour\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("an\u200cother do\u200dor", "another door"),  # joiners that join nothing
        ("door" + "".join(chr(0xE0000 + ord(c)) for c in "hidden words"), "door"),
        ("😀" + "\U000e0110\U000e0120\ufe0f\ufe0f", "😀"),  # bytes hidden in variation selectors
    ],
)
def test_what_nobody_sees_goes(text, seen):
    assert visible(text) == seen


@pytest.mark.parametrize(
    ("start", "piece"), [("a", "\u0301\u0327"), ("", "\x1b]"), ("\x1b[", "1"), ("", "\u200d"), ("", "😀\u200d")]
)
def test_no_text_is_slow(start, piece):
    assert grows_with_length(visible, start, piece, 200_000)


def test_marks_on_one_letter_are_few():
    assert len(visible("a" + "\u0327\u0301" * 100)) <= 1 + MOST_MARKS
