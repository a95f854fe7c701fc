"""Asking a sample: a few seeds of every source go through stages 1 and 2, as the run itself would ask them.

The answers land in the lake's journal, so that the run finds them and pays for nothing twice. Here: drawing, asking,
what each row used. Not here: what that means for all rows (estimate.py).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from unicorn_assets.captions.stage import draft_captions
from unicorn_assets.errors import UserError
from unicorn_assets.generation.asking import Ask, Asker
from unicorn_assets.instructions.stage import write_pairs
from unicorn_assets.lake.ledger import keep_making
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.spend.ledger import Ledger, making
from unicorn_assets.plan.left import STAGES, accepted
from unicorn_assets.recipe import TASKS, Recipe

USED = ("calls", "prompt_tokens", "completion_tokens", "cached_tokens", "seconds")
ENOUGH = 3
"""Captions that each task should have in the sample; more seeds are drawn until it has."""
MOST = 4
"""At most so many times the wanted number of seeds."""


@dataclass
class StageSample:
    """What the rows of one stage used: `used` is (rows, len(USED)), `weights` say how many rows each stands for.

    `bytes_per_row`: of the tables that an accepted row ends in. `parallel`: requests in flight on average, None when
    all answers came from the journal.
    """

    rows: int = 0
    accepted: float = 0.0  # weighted share, 0 to 1
    used: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, len(USED))))
    weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    bytes_per_row: float = 0.0
    parallel: float | None = None


@dataclass
class Sample:
    """A sample that was asked: `seeds` of it, what each stage used, and `ledger`, what it cost just now."""

    seeds: int
    stages: dict[str, StageSample]
    ledger: Ledger
    answer_bytes: float


def draw(catalog: pl.DataFrame, size: int) -> pl.DataFrame:
    """`size` seeds, a larger size holding the smaller one: of each source by its share of the rows, at least one, those
    with the first ids, which are hashes of the text. Column `weight`: how many rows of its source a seed stands for.
    """
    parts = []
    for source in catalog.sort("seed_id").partition_by("source", maintain_order=True):
        taken = source.head(max(1, round(size * source.height / catalog.height)))
        parts.append(taken.with_columns(weight=pl.lit(source.height / taken.height)))
    return pl.concat(parts).sort("seed_id")


def ask_sample(
    recipe: Recipe, lake: Lake, asker: Asker, catalog: pl.DataFrame, size: int, told: Callable[[str, int], None]
) -> Sample:
    """Ask `size` seeds, or more (see ENOUGH, MOST); `told` hears how many rows of which stage are asked next."""
    asking = _Asking(lake, asker, told)
    wanted = size
    while True:
        seeds = draw(catalog, wanted)
        drafts = asking.stage("caption_drafts", seeds.height, lambda ask, s=seeds: draft_captions(s, recipe, ask))  # type: ignore[misc]
        captions = accepted(drafts, seeds, recipe)
        counted = dict(captions["task"].drop_nulls().value_counts().iter_rows())
        short = recipe.instructions.share and any(
            recipe.instructions.task(task).weight and counted.get(task, 0) < ENOUGH for task in TASKS
        )
        if not short or wanted >= MOST * size or seeds.height >= catalog.height:
            break
        wanted += size
    weight_of = dict(seeds.select("seed_id", "weight").iter_rows())
    stages = {"caption_drafts": asking.sample("caption_drafts", seeds["seed_id"].to_list(), weight_of, drafts)}
    by_caption = {row["caption_id"]: weight_of[row["seed_id"]] for row in captions.iter_rows(named=True)}
    for task in TASKS:
        chosen = captions.filter(pl.col("task") == task)
        pairs = asking.stage(task, chosen.height, lambda ask, t=task, c=chosen: write_pairs(t, c, recipe, ask))  # type: ignore[misc]
        stages[task] = asking.sample(task, chosen["caption_id"].to_list(), by_caption, pairs)
    return Sample(seeds.height, stages, asking.ledger, asking.answer_bytes / max(asking.answers, 1))


class _Asking:
    """Runs stages and notes what each row used."""

    def __init__(self, lake: Lake, asker: Asker, told: Callable[[str, int], None]) -> None:
        self._lake, self._asker, self._told = lake, asker, told
        self._used: dict[str, dict[str, NDArray[np.float64]]] = {stage: {} for stage in STAGES}
        self._accepted: dict[str, set[str]] = {stage: set() for stage in STAGES}
        self._spans: dict[str, tuple[float, float, float]] = {}  # first start, last end, seconds of fresh answers
        self.ledger = Ledger()
        self.answers = self.answer_bytes = 0

    def stage(self, stage: str, rows: int, run: Callable[[Ask], tuple[pl.DataFrame, pl.DataFrame]]) -> pl.DataFrame:
        self._told(stage, rows)
        # Asked again from the journal when more seeds are drawn: then the rows are counted anew.
        self._used[stage].clear()
        with making(stage, "plan", partial(keep_making, self._lake)):
            ask, ledger = self._asker.asking(partial(self._listen, stage))
            frame, refused = run(ask)
        self.ledger.add(ledger)
        if rows and not self._used[stage]:  # then nothing is known of it, and there is no estimate
            last = f"; the last: {refused['detail'][-1]}" if refused.height else ""
            raise UserError(
                f"no answer came for {stage}, of {rows} rows that were asked{last}",
                "mend the server or llm in the recipe, then plan again; `--sample 0` asks nothing and gives bounds.",
            )
        return frame

    def _listen(self, stage: str, event: Event) -> None:
        answer, used = event.answer, self._used[stage]
        if event.kind == "answer" and answer is not None:
            row_id = event.row_id.partition("#")[0]  # further questions about a row count as its own
            figures = [1, answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens, answer.seconds]
            used[row_id] = used.get(row_id, np.zeros(len(USED))) + np.array(figures, dtype=np.float64)
            if not answer.from_journal:
                now = time.monotonic()
                start, _, seconds = self._spans.get(stage, (now - answer.seconds, now, 0.0))
                self._spans[stage] = min(start, now - answer.seconds), now, seconds + answer.seconds
            self.answers += 1
            self.answer_bytes += len(answer.text.encode("utf-8", "replace"))

    def sample(self, stage: str, rows: list[str], weight_of: dict[str, float], made: pl.DataFrame) -> StageSample:
        if not rows:
            return StageSample()
        weights = np.array([weight_of[row] for row in rows])
        key = "seed_id" if stage == "caption_drafts" else "caption_id"
        good = set(made[key].to_list())
        share = sum(weight_of[row] for row in rows if row in good) / weights.sum()
        used = np.array([self._used[stage].get(row, np.zeros(len(USED))) for row in rows])
        size = made.estimated_size() / made.height if made.height else 0.0
        start, end, seconds = self._spans.get(stage, (0.0, 0.0, 0.0))
        parallel = max(1.0, seconds / (end - start)) if end > start else None
        return StageSample(len(rows), float(share), used, weights, size, parallel)


def ledger_figures(ledger: Ledger, sample: Sample) -> dict[str, Any]:
    """What asking the sample cost just now."""
    return {"seeds": sample.seeds, "calls": ledger.calls, "from_journal": ledger.from_journal,
            "prompt_tokens": ledger.prompt_tokens, "completion_tokens": ledger.completion_tokens}  # fmt: skip
