"""Rows answered from a script instead of a model: the engine's contract without a server."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from unicorn_assets.llm.client.drafting import Refusal, judge
from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined, Resume
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import stages

MODEL = "scripted@1"


def recipe(**sections: Any) -> Recipe:
    """A valid recipe with the given sections."""
    return Recipe.model_validate({"name": "t", "sources": [{"name": "a", "path": "a.txt"}], "llm": {}, **sections})


def draft_captions(
    seeds: pl.DataFrame, recipe: Recipe, ask: Any, granted: Mapping[str, int] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Drafts and quarantine rows of stage 1."""
    return stages(recipe)["caption_drafts"].run(seeds, ask, granted)


def write_pairs(
    task: str, captions: pl.DataFrame, recipe: Recipe, ask: Any, granted: Mapping[str, int] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs and quarantine rows of a task."""
    return stages(recipe)[task].run(captions, ask, granted)


def ask_by(
    say: Callable[[ChatRequest], str], max_drafts: int = 2, order: Callable[[list[Any]], list[Any]] = list
) -> Callable[[Iterable[Draftable[Any]]], Iterator[Accepted[Any] | Quarantined]]:
    """An Ask that answers each request with `say` and yields the outcomes in the given order."""

    def one(row: Draftable[Any]) -> Accepted[Any] | Quarantined:
        problem: str | None = None
        drafts = getattr(row, "max_drafts", max_drafts)
        for draft in range(drafts):
            request = row.request(draft, problem)
            text, key = say(request), request.key("scripted", "1")
            answer = Answer(key, text, "stop", 9, 9, 0, 0.1, 1, MODEL)
            verdict = judge(row, answer, draft, 9 * (draft + 1), LlmSettings())
            if not isinstance(verdict, Refusal):
                return Accepted(row.row_id, verdict, answer, draft + 1, 9 * (draft + 1))
            problem, reason = verdict.problem, verdict.reason
        return Quarantined(
            row.row_id, reason, problem or "", text, drafts, 1, MODEL, key, 0.1, 9 * drafts, Resume(drafts, problem)
        )

    return lambda rows: iter(order([one(row) for row in rows]))
