"""What servers say when they refuse a field, and the line of the recipe that helps."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.llm.client.refused import Adviser
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.server_text import server_message
from unicorn_assets.llm.settings import Sampling, Wire
from unicorn_assets.llm.shaping import Shaper

SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9, "minLength": 1}}}
TURNS = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"})
REQUEST = ChatRequest(TURNS, Sampling(top_k=5, extra={"grammar": "x"}), 7, SCHEMA)


def advice(body, wire=None, request=REQUEST):
    raw = (body if isinstance(body, str) else json.dumps(body)).encode()
    found = Adviser(request, Shaper(wire))(raw, server_message(raw))
    return found and found.partition("{wire: {")[2].partition("}} ")[0]


def openai(message, param=None, code=None):
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


USE_OTHER = "Use 'max_completion_tokens' instead."


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (
            openai(f"Unsupported parameter: 'max_tokens' is not supported with this model. {USE_OTHER}", "max_tokens"),
            "rename: {max_tokens: max_completion_tokens}",
        ),
        (
            openai("Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value "
                   "is supported.", "temperature"), "omit: [temperature]",
        ),
        (openai("`temperature` and `top_p` cannot both be specified for this model."), "omit: [top_p]"),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
         "omit: [seed]"),
        ({"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'top_k')}]", "code": 400},
         "omit: [top_k]"),
        (openai("Unrecognized request argument supplied: top_k"), "omit: [top_k]"),
        (openai("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."),
         "response_format: json_object"),
        (openai("'response_format.type' must be 'text'"), "response_format: none"),
        (openai("Invalid schema for response_format 'answer': In context=('properties', 'a'), 'maxLength' is not "
                "permitted.", "response_format"), "schema_omit: [maxLength]"),
        (openai("System role not supported"), "system: first_turn"),
        (openai("Conversation roles must alternate user/assistant/user/assistant/..."), "system: first_turn"),
        (openai("Developer instruction is not enabled for this model; system message not supported"),
         "system: first_turn"),
        ("this parameter is not supported: top_p", "omit: [top_p]"),
        (openai("Invalid value: 'system'. Supported values are: 'user' and 'assistant'.", "messages[0].role"),
         "system: first_turn"),
    ],
)  # fmt: skip
def test_the_line_that_helps(body, line):
    assert advice(body) == line


@pytest.mark.parametrize(
    "body",
    [
        openai("This model's maximum context length is 2048 tokens. Please reduce max_tokens."),
        openai("'max_tokens' or 'max_completion_tokens' is too large: 400. This model's maximum context length is 300"),
        openai("context length exceeded"), openai("The model `m` does not exist"), openai("Bad request"),
        openai("Your prompt was flagged: invalid content"), openai("grammar is not supported"), "", "[]", "{}",
        "[" * 100_000, '{"error": 1e999}', {"param": {"param": ["x"]}},
        openai("Invalid 'max_tokens': integer above maximum value. Expected a value <= 4096.", "max_tokens"),
        openai("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
        openai("Invalid 'temperature': decimal above maximum value.", "temperature"),
    ],
)  # fmt: skip
def test_what_names_no_field_gives_no_advice(body):
    assert advice(body) is None


def test_advice_keeps_what_the_recipe_leaves_out_already():
    wire = Wire(omit=("seed",), rename={"max_tokens": "max_completion_tokens"}, schema_omit=("maxLength",))
    assert advice(openai("unknown field top_p", "top_p"), wire) == "omit: [seed, top_p]"
    assert advice(openai("seed is not supported", "seed"), wire) is None
    assert advice(openai("minLength is not supported"), wire) == "schema_omit: [maxLength, minLength]"
    assert advice(openai("json_object is not supported", "response_format"), Wire(response_format="json_object")) == (
        "response_format: none"
    )


LEAVES = st.none() | st.text() | st.floats() | st.sampled_from(["param", "seed", "json_schema", "top_p is unknown"])
NAMES = st.sampled_from(["param", "loc", "error", "message", "detail"])


@given(st.recursive(LEAVES, lambda part: st.lists(part) | st.dictionaries(NAMES, part)))
def test_any_body_is_read(body):
    found = advice(body)
    assert found is None or found.count("{") == found.count("}")
