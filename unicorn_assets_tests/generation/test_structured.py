"""JSON answers: strict first, repaired second, and a sentence for the model when both fail."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from unicorn_assets.generation.structured import parse, schema_of
from unicorn_assets.llm.row import Rejected


class Pair(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(description="a field with the name of a keyword", min_length=2)
    options: dict[str, str]


class Pairs(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pairs: list[Pair] = Field(min_length=1)


GOOD = {"pairs": [{"title": "What?", "options": {"A": "x"}}]}


def test_good_json():
    repairs: list[None] = []
    parsed = parse(json.dumps(GOOD), Pairs, lambda: repairs.append(None))
    assert parsed.value.pairs[0].title == "What?"
    assert not repairs


@pytest.mark.parametrize(
    "text",
    [
        "Here you are:\n```json\n" + json.dumps(GOOD) + "\n```",
        "{'pairs': [{'title': 'What?', 'options': {'A': 'x'}}]}",
        json.dumps(GOOD)[:-1],
        json.dumps(GOOD).replace("]", ",]"),
    ],
)
def test_repair_is_a_second_step_and_says_so(text, caplog):
    repairs: list[None] = []
    with caplog.at_level("INFO"):
        parsed = parse(text, Pairs, lambda: repairs.append(None))
    assert len(repairs) == 1
    assert parsed.value.model_dump() == GOOD
    assert "repaired" in caplog.text


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("I cannot help.", "not_json", "not JSON"),
        ("", "not_json", "not JSON"),
        ('{"pairs": []}', "schema_mismatch", "pairs"),
        ('{"pairs": [{"title": "?", "options": {}}]}', "schema_mismatch", "pairs.0.title"),
        ('{"pairs": [{"options": {}}], "more": 1}', "schema_mismatch", "Field required"),
        ('{"pairs": [{"title": "Wha', "cut_off", "before its JSON is closed"),
        ('{"pairs": [{"title": "What?", "options": {"A": "x"}', "cut_off", "before its JSON is closed"),
        ('{"pairs": [{"title": "What?"}, {"title": "Wh', "cut_off", "pairs.0.options"),
        ('{"pairs": [{"title": What?}]}', "not_json", "not valid JSON"),
        ('{"pairs": [{"title": "?", }]}', "not_json", "pairs.0.title"),
    ],
)
def test_rejections_say_what_to_mend(text, reason, said):
    with pytest.raises(Rejected) as rejected:
        parse(text, Pairs)
    assert rejected.value.reason == reason
    assert said in rejected.value.detail
    assert len(rejected.value.detail) < 500


@given(st.text(max_size=80))
def test_any_text_is_parsed_or_rejected(text):
    with contextlib.suppress(Rejected):
        assert parse(text, Pairs).value.pairs


def test_schema_for_the_server():
    schema = schema_of(Pairs)
    pair = schema["$defs"]["Pair"]
    assert schema["additionalProperties"] is False
    assert pair["additionalProperties"] is False
    assert set(pair["properties"]) == {"title", "options"}
    assert "description" not in pair["properties"]["title"]
    assert pair["required"] == ["title", "options"]
    assert "title" not in schema
