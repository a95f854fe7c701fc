"""Rows of work for the tests of the engine."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from unicorn_assets.generation.structured import parse, schema_of
from unicorn_assets.ids import seed_of
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Rejected, unheard
from unicorn_assets.llm.settings import LlmSettings, Sampling


class Caption(BaseModel):
    model_config = ConfigDict(extra="forbid")

    caption: str
    score: int


SAMPLING = Sampling(max_tokens=50)
SCHEMA = schema_of(Caption)


class Row:
    """`refuse` rejects that many drafts with the reason `unlucky`, whatever they say."""

    def __init__(self, number: int, name: str = "row", prompt: str = "Write.", refuse: int = 0) -> None:
        self.number, self.row_id, self.prompt, self.refuse = number, f"{name}-{number}", prompt, refuse
        self.drafts_seen: list[tuple[int, str | None]] = []
        self.judged: list[str] = []

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        self.drafts_seen.append((draft, problem))
        content = f"{self.prompt} {problem or ''} <row {self.number}>"
        return ChatRequest(({"role": "user", "content": content},), SAMPLING, seed_of(self.number, draft), SCHEMA)

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> Caption:
        self.judged.append(text)
        if len(self.judged) <= self.refuse:
            raise Rejected("unlucky", "try again")
        return parse(text, Caption, on_repair).value


def rows(n: int, **options) -> list[Row]:
    return [Row(i, **options) for i in range(n)]


def settings_for(*urls: str, **options) -> LlmSettings:
    defaults = {"model": "m", "concurrency": 16, "timeout_s": 5.0, "patience_s": 20.0}
    return LlmSettings(endpoint="url", urls=urls, **(defaults | options))
