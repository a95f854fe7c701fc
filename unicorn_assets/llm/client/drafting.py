"""What becomes of an answer: accepted, another draft, or quarantine. The engine and the replay both ask here, so that
they cannot disagree.

Not here: what a gate refuses (a row's `accept`), drafts beyond the ordinary ones (rounds.py).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from unicorn_assets.llm.client.reply import said
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Draftable, Rejected, problem_of, unheard
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.text import storable, visible

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A gate refused the answer. `problem` is what the row's next request is told; `again`: there is a next one."""

    reason: str
    problem: str
    again: bool


MOST_PROBLEM = 4000
"""Characters of a problem that the next request and the quarantine are told."""


def judge(
    row: Draftable[T],
    answer: Answer,
    draft: int,
    tokens: int,
    settings: LlmSettings,
    on_repair: Callable[[], None] = unheard,
) -> T | Refusal:
    """The row's value, or why not. `draft` counts from 0; `tokens` are completion tokens of its drafts so far, this
    answer's included. `on_repair` is called if its JSON had to be mended.

    An answer is in the journal by now, so whatever it does to those who read it must not end a run: any exception is a
    refusal too (`judge_failed`).
    """
    try:
        return row.accept(said(answer), on_repair)
    except Rejected as verdict:
        reason, problem = _reason_of(verdict, answer), problem_of(verdict, answer)
    except MemoryError:
        raise
    except Exception as error:
        log.debug("an answer could not be judged", exc_info=True)
        reason, problem = JUDGE_FAILED, f"The answer could not be read: {type(error).__name__}: {_words(error)}"
    return Refusal(reason, storable(problem)[:MOST_PROBLEM], _goes_on(row, draft + 1, tokens, settings))


JUDGE_FAILED = "judge_failed"
CUT_OFF = "cut_off"
_OF_A_CUT = frozenset(("empty", "not_json", "schema_mismatch", "too_short", "too_few_pairs"))


def _reason_of(verdict: Rejected, answer: Answer) -> str:
    """What is missing from an answer that reached the token limit is missing because of the limit."""
    return CUT_OFF if answer.cut_off and verdict.reason in _OF_A_CUT else verdict.reason


def _words(error: Exception) -> str:
    try:
        return " ".join(visible(str(error)).split())[:300]
    except Exception:  # an error whose own text cannot be made
        return "no words"


def _goes_on(row: Draftable[Any], judged: int, tokens: int, settings: LlmSettings) -> bool:
    own: int | None = getattr(row, "max_drafts", None)
    if own is not None:  # a draft that somebody decided on already
        return judged < own
    limit = settings.max_row_tokens
    return judged < settings.max_drafts and (limit is None or tokens < limit)
