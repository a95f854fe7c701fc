"""JSON as models write it: mended where nothing is invented, and never closed for a model that did not close it."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.generation.mending import Mended, Unreadable, mended
from unicorn_assets_tests.costs import grows_with_length

GOOD = {
    "pairs": [
        {"question": "What leans there?", "answer": "A tall slim ladder", "n": 1},
        {"question": 'Which "sign", if any, hangs at the man\'s door?', "answer": "A red one: small", "n": -2.5},
        {"question": "Is it so?", "answer": "Yes", "ok": True, "none": None},
    ]
}
TEXT = json.dumps(GOOD)


def first(text: str) -> Mended:
    return next(mended(text))


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        json.dumps(GOOD, indent=2),
        str(GOOD),
        "```json\n" + TEXT + "\n```",
        "Sure [as asked]! Here is the JSON:\n\n```\n" + TEXT + "\n```\nLet me know {if} you want more.",
        TEXT.replace("}]", "},]").replace("}]}", "},],}"),
        TEXT.replace("}, {", "} {"),
        TEXT.replace('", "answer"', '"\n "answer"'),
        TEXT.replace('"question":', "question :").replace('"n"', "n"),
        TEXT.replace("true", "True").replace("null", "None"),
        TEXT.replace('\\"sign\\"', '"sign"'),
    ],
)
def test_what_is_mended(text):
    found = first(text)
    assert json.loads(found.json) == GOOD
    assert not found.cut


def test_line_breaks_inside_a_string():
    assert json.loads(first('{"a": "one\ntwo\tthree\x01"}').json) == {"a": "one\ntwo\tthree"}


@pytest.mark.parametrize("text", [TEXT, json.dumps(GOOD, indent=1), str(GOOD), json.dumps(GOOD["pairs"])])
def test_wherever_an_answer_is_cut_only_whole_objects_remain(text):
    whole = GOOD["pairs"]
    for length in range(len(text)):
        try:
            found = first(text[:length])
        except (StopIteration, Unreadable):
            continue
        assert found.cut
        value = json.loads(found.json)
        kept = value["pairs"] if isinstance(value, dict) else value
        assert kept
        assert kept == whole[: len(kept)], text[:length]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ('{"pairs": [{"question": "What leans', True),
        ('{"wrong_options": ["A saw", "A cow", "A cat"]', True),
        ('{"caption": "A whole sentence.", "score": 3', True),
        ('{"a": 12', True),
        ('["A saw", "A co', True),
        ('{"a": [1, 2}', False),
        ('{"a": What?}', False),
        ('{"a": ' + "[" * 900 + "]" * 900 + "}", False),
    ],
)
def test_what_is_not_mended(text, cut):
    with pytest.raises(Unreadable) as refused:
        first(text)
    assert refused.value.cut == cut


@settings(max_examples=400)
@given(st.text(alphabet="{}[]\",:'\\ \nabnu01-.tTrueNone“”") | st.text())
def test_any_text_is_read_or_refused(text):
    try:
        for found in mended(text):
            assert found.json[:1] in ("{", "[")
    except Unreadable:
        pass


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=("Cs",))),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
        max_leaves=8,
    )
)
def test_strict_json_is_left_as_it_is(value):
    assert json.loads(first(json.dumps([value])).json) == [value]


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "{",
        '{"a":',
        '"',
        "{'",
        '{"a": "',
        '" , ',
        '"\n',
        "\\",
        "{},",
        "[],",
        '{"a" ',
        "a ",
        '{"a": "b"},',
        "[{",
        "1,",
        "”“",
    ],
)
@pytest.mark.parametrize("start", ["", '{"a": ['])
def test_no_text_takes_long(piece, start):
    def mend(text: str) -> None:
        with contextlib.suppress(Unreadable):
            list(mended(text))

    assert grows_with_length(mend, start, piece, 60_000)
