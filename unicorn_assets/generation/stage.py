"""A stage that asks an LLM, as a value: assets, plan and lineage work with any Stage and know none by name.

Here: from a parent's rows to outcomes, tables and their provenance. Not here: prompts, gates and rows of a stage
(captions/, instructions/), or who answers (`ask`, which asking.py binds to an endpoint and a journal).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from unicorn_assets.generation.prompt import Prompt
from unicorn_assets.generation.rounds import Ask, Attempt, Outcome, outcomes, shortfall
from unicorn_assets.ids import digest
from unicorn_assets.lake.quarantine_rows import quarantine_rows
from unicorn_assets.lake.redrives import Redrives
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined
from unicorn_assets.llm.settings import Accept, OwnBudget
from unicorn_assets.logic import logic_of
from unicorn_assets.recipe import Recipe
from unicorn_assets.text import storable_in


def by_row(ask: Ask) -> Attempt:
    """`ask`, with its outcomes by row id."""
    return lambda rows: {outcome.row_id: outcome for outcome in ask(rows)}


def model_marks(recipe: Recipe, *, has_schema: bool) -> list[str | None]:
    """What of the LLM decides its answers besides prompt and sampling; for a stage's version."""
    from unicorn_assets.llm.endpoints.vllm_command import answer_options

    llm = recipe.llm
    return [llm.model, llm.revision, *answer_options(llm), *llm.wire.marks(has_schema=has_schema)]


def code_of(*modules: str) -> str:
    """Hash of the code that decides a stage's rows: of these modules, and of what all stages share. The engine judges
    answers (drafting.py) and no stage imports it, so that it has to be named here.
    """
    return logic_of(*modules, __name__, "unicorn_assets.llm.client.drafting")


@dataclass(frozen=True)
class FollowUp:
    """Further requests that an accepted first one leads to: how many at most, and the token limit of each.

    `most_a_shard`: of all rows of a shard together. `own`: a budget for them alone, over all runs.
    """

    most: int
    max_tokens: int
    most_a_shard: int | None = None
    own: OwnBudget | None = None


@dataclass(frozen=True)
class Stage:
    """One asset that asks an LLM about rows of `parent`, told by their column `key`.

    `rows_of` makes what is asked from rows of the parent; `made` makes a table row from one of these and its accepted
    value. `decides`: all that the version is a hash of. `task`: only rows of the parent that were chosen for it.
    `hint(row, reason)`: more words for people about a refusal. For lineage: `settings`, the recipe's sampling and
    gates, `further`, the prompts of further requests, and `model`, who is asked.
    """

    name: str
    parent: str
    key: str
    decides: Callable[[], Sequence[Any]]
    prompt: Prompt
    rows_of: Callable[[pl.DataFrame], list[Any]]
    made: Callable[[Any, Any], Mapping[str, Any]]
    accept: Accept | None = None
    max_row_tokens: int | None = None
    task: str | None = None
    attempt: Callable[[Ask], Attempt] = by_row
    follow_ups: tuple[FollowUp, ...] = ()
    hint: Callable[[Any, str], str] = lambda _row, _reason: ""
    figures: Callable[[pl.DataFrame], Mapping[str, Any]] = lambda _: {}
    settings: Mapping[str, Any] = field(default_factory=dict)
    further: tuple[Prompt, ...] = ()
    model: str = ""

    @cached_property
    def version(self) -> str:
        """Hash of all that decides the stage's rows. Made when somebody asks: reading all the code takes a second."""
        return digest(list(self.decides()), 6)

    def chosen(self, parents: pl.DataFrame) -> pl.DataFrame:
        """Those rows of the parent table that the stage asks about."""
        return parents if self.task is None else parents.filter(pl.col("task") == self.task)

    def count(self, lake: Lake, shard: str) -> int:
        """How many rows of a parent's shard the stage asks about."""
        column = self.key if self.task is None else "task"
        return self.chosen(lake.read(self.parent, shard, [column])).height

    def rows(self, parents: pl.DataFrame) -> list[Draftable[Any]]:
        """What is asked first about these rows of the parent table."""
        return self.rows_of(self.chosen(parents))

    def run(
        self, parents: pl.DataFrame, ask: Ask, granted: Mapping[str, int] | None = None
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The stage's table and its quarantine rows, both in the order of the parent's rows: each row that is asked
        about ends in exactly one of them. `granted`: further drafts by row id.
        """
        rows = self.rows(parents)
        found = outcomes(rows, self.attempt(ask), self.accept, granted, self.max_row_tokens)
        made: list[Mapping[str, Any]] = []
        refused: list[Mapping[str, Any]] = []
        for row in rows:
            outcome = found[row.row_id]
            if isinstance(outcome, Quarantined):
                refused.append(self._refused(row, outcome))
            else:
                made.append({self.key: row.row_id, **self.made(row, outcome.value), **_origin(outcome, self.prompt)})
        return table(self.name, made), quarantine_rows(self.name, refused)

    def shortfall(self, made: int, refused: int) -> dict[str, int]:
        """What a shard says of its wanted share."""
        return shortfall(self.accept, made + refused, made)

    def made_from(self, recipe: Recipe, lake: Lake, shard: str, redrives: Redrives) -> Made | None:
        """What a shard of this stage is made of by now; None while its parent is not there."""
        parent = lake.info(self.parent, shard)
        if parent is None:
            return None
        return Made(
            recipe.name, self.version, self.parents({f"{self.parent}/{shard}": parent.content}, shard, redrives)
        )

    def parents(self, parent: Mapping[str, str], shard: str, redrives: Redrives) -> dict[str, str]:
        """All that a shard is made of: its `parent`'s content by name, and drafts that were granted to its rows."""
        return {**parent, **redrives.parents(shard)}

    def _refused(self, row: Draftable[Any], outcome: Quarantined) -> Mapping[str, Any]:
        detail = outcome.detail
        if outcome.resume is None and outcome.attempts:
            detail += f" (after {outcome.attempts} request{'s' if outcome.attempts > 1 else ''})"
        return {
            "row_id": row.row_id,
            "parent_id": row.row_id,
            "reason": outcome.reason,
            "detail": detail + self.hint(row, outcome.reason),
            "raw_answer": outcome.raw_answer,
            "attempts": outcome.asked,
            "model": outcome.model or None,
            "request_hash": outcome.request_hash or None,
        }


def table(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with the columns and types of table `name`, every text `storable`."""
    return pl.DataFrame(storable_in(list(rows)), schema=polars_schema(name), orient="row")


def _origin(outcome: Accepted[Any], prompt: Prompt) -> dict[str, Any]:
    """Where a generated row comes from: the columns that every such table shares."""
    answer = outcome.answer
    return {
        "model": answer.model, "request_hash": answer.key, "prompt_version": prompt.version, "drafts": outcome.drafts,
    }  # fmt: skip


__all__ = ["Ask", "FollowUp", "Outcome", "Stage", "by_row", "model_marks", "table"]
