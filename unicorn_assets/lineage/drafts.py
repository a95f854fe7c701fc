"""What a stage asked about a row, every answer that came, and what became of it: prompt, sampling, drafts, refusals.

Requests are made again from recipe and row, answers are the journal's, verdicts those of the gates. Nobody is asked.
Here: one row at a time. Not here: many rows under other gates (rejudge.py).
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Self

import polars as pl

from unicorn_assets.errors import UserError
from unicorn_assets.generation.asked import asked_with
from unicorn_assets.generation.replay import MORE, stored
from unicorn_assets.generation.rounds import outcomes
from unicorn_assets.generation.stage import Stage
from unicorn_assets.lake.lineage import Step
from unicorn_assets.lake.store import Lake, ShardInfo
from unicorn_assets.llm.client.drafting import Refusal
from unicorn_assets.llm.client.job import Job
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import Answer
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import stages


class RowDrafts:
    """Tells of the drafts of a row; use it as a context manager. Without a recipe, or with another one than that which
    made the row, only the last answer is known.
    """

    def __init__(self, lake: Lake, recipe: Recipe | None) -> None:
        self._lake, self._recipe = lake, recipe
        self._stages = stages(recipe) if recipe is not None else {}
        self._lifetime = ExitStack()
        self._journal: Journal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._lifetime.__exit__(*error)

    def __call__(
        self, name: str, info: ShardInfo, parent: Mapping[str, Any] | None, row: Mapping[str, Any]
    ) -> list[Step]:
        """Steps `prompt` and `draft`, in the order of asking."""
        stage, key, notes = self._stages.get(name), row.get("request_hash"), dict[str, str]()
        drafts = self._replayed(stage, parent) if stage is not None and parent is not None else []
        if key is not None and all(step.facts["key"] != key for step in drafts):
            drafts = self._last(key)
            notes["earlier drafts"] = "unknown: the recipe at hand asks otherwise than what made this row"
        elif drafts and not _as_kept(drafts, row):
            notes["verdicts"] = "of today's gates, which are not those that made this row"
        return [*self._prompts(name, info.made.code_version, notes), *drafts]

    @property
    def journal(self) -> Journal:
        """The journal, open."""
        if self._journal is None:
            opened = Journal.open(self._lake.url, storage_options=self._lake.storage_options or None)
            self._journal = self._lifetime.enter_context(opened)
        return self._journal

    def _prompts(self, name: str, version: str, notes: Mapping[str, str]) -> list[Step]:
        """The prompts as they were kept when the shard was made."""
        asked = asked_with(self._lake, name, version)
        if asked is None:
            return [Step("prompt", "", {"text": "was not kept when the shard was made", **notes})]
        steps = []
        for prompt in asked["prompts"]:
            text = "\n\n".join(f"# {turn['role']}\n{turn['content']}" for turn in prompt["turns"])
            facts = {"text": text, "correction": prompt["correction"], "model": asked["model"], **asked["settings"]}
            steps.append(Step("prompt", prompt["version"], {**facts, **notes}))
        return steps

    def _replayed(self, stage: Stage, parent: Mapping[str, Any]) -> list[Step]:
        """Every stored draft of the row, whoever granted it."""
        assert self._recipe is not None, "there are stages"
        settings = self._recipe.llm
        try:
            endpoint = open_endpoint(settings, base=self._recipe.folder)
        except UserError:  # what serves the model is not installed here; its name is part of each key
            return []
        rows = stage.rows_of(pl.DataFrame([dict(parent)], infer_schema_length=None))
        drafts: list[Step] = []

        def heard(job: Job[Any], answer: Answer, refusal: Refusal | None) -> None:
            drafts.append(_draft(len(drafts) + 1, answer, job.row.row_id, refusal))

        ask = stored(self.journal, endpoint.model, endpoint.revision, settings, heard)
        outcomes(rows, stage.attempt(ask), None, dict.fromkeys((row.row_id for row in rows), MORE))
        return drafts

    def _last(self, key: str | None) -> list[Step]:
        """The one answer that the row itself names."""
        answer = self.journal.get(key) if key and _is_key(key) else None
        if answer is None:
            return []
        step = _draft(1, answer, "", None)
        return [Step("draft", step.id, {**step.facts, "verdict": "the row's last draft"})]


def _as_kept(drafts: Sequence[Step], row: Mapping[str, Any]) -> bool:
    """Whether the verdicts lead to what became of the row: after as many drafts accepted, or refused."""
    accepted = drafts[-1].facts["verdict"] == "accepted" or "question" in drafts[-1].facts
    return accepted == ("drafts" in row) and len(drafts) == row.get("drafts", row.get("attempts"))


def _draft(number: int, answer: Answer, row_id: str, refusal: Refusal | None) -> Step:
    question, _, look = row_id.partition("#")[2].partition(".")
    facts = {
        "draft": number,
        **({"question": int(question) + 1} if question else {}),
        **({"look": look} if look else {}),
        "verdict": "accepted" if refusal is None else f"refused: {refusal.reason}",
        **({"because": refusal.problem} if refusal is not None else {}),
        "text": answer.text, "finish_reason": answer.finish_reason, "model": answer.model,
        "prompt_tokens": answer.prompt_tokens, "completion_tokens": answer.completion_tokens,
        "seconds": answer.seconds, "key": answer.key,
    }  # fmt: skip
    return Step("draft", answer.key, facts)


def _is_key(text: str) -> bool:
    return len(text) == 32 and not set(text) - set("0123456789abcdef")
