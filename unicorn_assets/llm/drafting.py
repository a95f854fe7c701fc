"""What becomes of an answer: accepted, another draft, or quarantine. The engine and the replay both ask here, so that
they cannot disagree.

Not here: what a gate refuses (a row's `accept`), drafts beyond the ordinary ones (rounds.py).
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Draftable, Rejected, problem_of
from unicorn_assets.llm.settings import LlmSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A gate refused the answer. `problem` is what the row's next request is told; `again`: there is a next one."""

    reason: str
    problem: str
    again: bool


def judge(row: Draftable[T], answer: Answer, draft: int, tokens: int, settings: LlmSettings) -> T | Refusal:
    """The row's value, or why not. `draft` counts from 0; `tokens` are completion tokens of its drafts so far, this
    answer's included.
    """
    try:
        return row.accept(answer.text)
    except Rejected as verdict:
        return Refusal(verdict.reason, problem_of(verdict, answer), _goes_on(row, draft + 1, tokens, settings))


def _goes_on(row: Draftable[Any], judged: int, tokens: int, settings: LlmSettings) -> bool:
    own: int | None = getattr(row, "max_drafts", None)
    if own is not None:  # a draft that somebody decided on already
        return judged < own
    limit = settings.max_row_tokens
    return judged < settings.max_drafts and (limit is None or tokens < limit)
