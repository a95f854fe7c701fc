"""A question to an LLM and its answer, as values. How they travel is in wire.py."""

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unicorn_assets.ids import digest
from unicorn_assets.llm.settings import MARK, Sampling

KEY_VERSION = 1
"""Part of every key; raised only when the meaning of a key changes, which makes every old answer unfindable."""


class Schema(dict[str, Any]):
    """A JSON schema that nobody changes any more: what identifies it is made once. A stage gives equal requests one."""

    @cached_property
    def text(self) -> str:
        """Equal for schemas that are written alike, and only for them: 1, 1.0 and true differ, as in JSON."""
        return repr(dict(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        """A plain dict: who copies wants to change it."""
        return deepcopy(dict(self), memo)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat completion: rendered messages, sampling parameters, the row's seed, and the answer's JSON schema."""

    messages: tuple[dict[str, str], ...]
    sampling: Sampling
    seed: int
    schema: dict[str, Any] | None = None
    prompt_version: str = ""

    def fixed(self) -> "Fixed":
        """The part that all requests of a stage share; made once for equal sampling and schema."""
        schema = self.schema
        text = schema.text if isinstance(schema, Schema) else repr(schema)
        found = _FIXED.get((self.sampling.text, text))
        if found is None:
            if len(_FIXED) >= FIXED_KEPT:
                _FIXED.clear()
            found = _FIXED[self.sampling.text, text] = Fixed.of(self.sampling, schema)
        return found

    def key(self, model: str, revision: str) -> str:
        """Hex digest (16 bytes) of everything that determines the answer; never of row ids or asset names."""
        if MARK in revision:
            revision = self._concerned(revision)
        parts = [KEY_VERSION, model, revision, self.messages, self.seed, self.prompt_version, self.fixed().digest]
        return digest(parts)

    def _concerned(self, revision: str) -> str:
        """The revision with those marks of `llm.wire` that change this very request."""
        plain, *marks = revision.split(MARK)
        concern = {
            "response_format": self.schema is not None,
            "schema_omit": self.schema is not None,
            "system": any(message["role"] == "system" for message in self.messages),
        }
        return " ".join([plain, *(mark for mark in marks if concern.get(mark.partition("=")[0], True))])


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """Sampling and schema, hashed (`digest`) and as fields of a request body (`fields`)."""

    digest: str
    fields: dict[str, Any]

    @classmethod
    def of(cls, sampling: Sampling, schema: dict[str, Any] | None) -> "Fixed":
        """Hash and render; the schema must not be changed afterwards."""
        fields = sampling.body()
        fixed_digest = digest([fields, schema])
        if schema is not None:
            answer = {"name": "answer", "schema": dict(schema), "strict": True}
            fields["response_format"] = {"type": "json_schema", "json_schema": answer}
        return cls(fixed_digest, fields)


FIXED_KEPT = 64
_FIXED: dict[tuple[str, str], Fixed] = {}
"""By the texts of sampling and schema."""


CUT_OFF = frozenset(("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"))
"""What servers call the token limit in `finish_reason`."""

MOST_TOKENS = 2**31 - 1


def token_count(value: Any) -> int | None:
    """A number of tokens that can be one, or None."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer as the journal keeps it. Seconds of the last attempt.

    `finish_reason` as the server gave it, or `refusal` and `only_reasoning` for an answer that is none: `text` then is
    what came in its place. Tokens as the server counted them, each 0 to MOST_TOKENS; all 0 when it did not say, or
    said what cannot be.
    """

    key: str
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    seconds: float
    attempts: int
    model: str
    from_journal: bool = False

    @property
    def cut_off(self) -> bool:
        """Whether the answer ended because the token limit was reached."""
        return self.finish_reason.lower() in CUT_OFF
