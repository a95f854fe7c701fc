"""How a request is written for a server that does not take everything: the recipe's `llm.wire`, applied.

Without `llm.wire` a body is what it always was. Stages know nothing of all this: the journal's key takes it from the
endpoint's revision (Wire.marked). Not here: bytes (wire.py), what a server refuses (refused.py).
"""

import json
from typing import Any

from unicorn_assets.llm.request import ChatRequest, Fixed
from unicorn_assets.llm.settings import Wire

Messages = tuple[dict[str, str], ...]

KEPT = 64


class Shaper:
    """Requests as one server gets them."""

    def __init__(self, wire: Wire | None = None) -> None:
        self.wire = wire or Wire()
        self._plain = self.wire == Wire()
        self._made: dict[Fixed, dict[str, Any]] = {}

    def body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        """The request body as plain values."""
        if self._plain:
            return {"model": model, "messages": request.messages, "seed": request.seed} | request.fixed().fields
        body: dict[str, Any] = {"model": model, "messages": self.messages(request)}
        if "seed" not in self.wire.omit:
            body[self.wire.sent_as("seed")] = request.seed
        return body | self._fields(request.fixed())

    def messages(self, request: ChatRequest) -> Messages:
        """The messages as the server gets them."""
        found = request.messages
        if self.wire.system == "first_turn":
            found = _without_system(found)
        if request.schema is not None and self.wire.response_format != "json_schema":
            found = _asking_for_json(found, request.schema)
        return found

    def _fields(self, fixed: Fixed) -> dict[str, Any]:
        known = self._made.get(fixed)
        if known is not None:
            return known
        if len(self._made) >= KEPT:
            self._made.clear()
        wire = self.wire
        fields = {wire.sent_as(name): value for name, value in fixed.fields.items() if name not in wire.omit}
        usual = fields.pop("response_format", None)
        if usual is not None and wire.response_format != "none":
            fields["response_format"] = self._format(usual)
        self._made[fixed] = fields
        return fields

    def _format(self, usual: dict[str, Any]) -> dict[str, Any]:
        if self.wire.response_format == "json_object":
            return {"type": "json_object"}
        answer = usual["json_schema"]
        schema = _without_keywords(answer["schema"], set(self.wire.schema_omit))
        return {**usual, "json_schema": {**answer, "schema": schema}}


PLAIN = Shaper()
"""Everything is sent."""


def _without_system(messages: Messages) -> Messages:
    """The system's words at the start of the first turn that is not its own."""
    said = [message["content"] for message in messages if message["role"] == "system"]
    rest = [message for message in messages if message["role"] != "system"]
    if not said:
        return messages
    if not rest or rest[0]["role"] != "user":
        return ({"role": "user", "content": "\n\n".join(said)}, *rest)
    first = {"role": "user", "content": "\n\n".join([*said, rest[0]["content"]])}
    return (first, *rest[1:])


def _asking_for_json(messages: Messages, schema: dict[str, Any]) -> Messages:
    """Where no turn speaks of JSON the first one does: nothing else tells the model, and OpenAI demands the word."""
    if any("json" in message["content"].lower() for message in messages):
        return messages
    shape = json.dumps(schema, ensure_ascii=False)
    first = messages[0]
    said = f"{first['content']}\n\nAnswer with one JSON object that fits this JSON schema: {shape}"
    return ({**first, "content": said}, *messages[1:])


def _without_keywords(node: Any, keywords: set[str]) -> Any:
    """A schema without some of its keywords; under `properties` and `$defs` keys are names, which stay."""
    if isinstance(node, list):
        return [_without_keywords(item, keywords) for item in node]
    if not isinstance(node, dict):
        return node
    found = {}
    for key, child in node.items():
        if key in ("properties", "$defs"):
            found[key] = {name: _without_keywords(part, keywords) for name, part in child.items()}
        elif key not in keywords:
            found[key] = child if key in ("enum", "const", "required") else _without_keywords(child, keywords)
    return found
