"""Asking a sample: a few seeds of every source go through stages 1 and 2, as the run itself would ask them.

The answers land in the lake's journal, so that the run finds them and pays for nothing twice. Here: drawing, asking,
what each row used. Not here: what that means for all rows (estimate.py).
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.generation.asking import Asker
from unicorn_assets.generation.stage import Stage
from unicorn_assets.lake.ledger import keep_shard_run
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.spend.ledger import Ledger, shard_run
from unicorn_assets.plan.drift import Drifting
from unicorn_assets.plan.left import Work, accepted
from unicorn_assets.recipe import Recipe

USED = ("calls", "prompt_tokens", "completion_tokens", "cached_tokens", "seconds")
ENOUGH = 3
"""Captions that each task should have in the sample; more seeds are drawn until it has."""
MOST = 4
"""At most so many times the wanted number of seeds."""


@dataclass
class StageSample:
    """What the rows of one stage used: `used` is (rows, len(USED)), `own` the part of it that further requests with a
    budget of their own had, `weights` say how many rows each stands for.

    `bytes_per_row`: of the tables that an accepted row ends in. `parallel`: requests in flight on average, None when
    all answers came from the journal.
    """

    rows: int = 0
    accepted: float = 0.0  # weighted share, 0 to 1
    used: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, len(USED))))
    weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    own: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, len(USED))))
    bytes_per_row: float = 0.0
    parallel: float | None = None
    kept: float | None = None  # of the drafts: the share that is left when captions that have drifted are refused


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
    recipe: Recipe, lake: Lake, asker: Asker, work: Work, drifting: Drifting, size: int,
    told: Callable[[str, int], None],
) -> Sample:  # fmt: skip
    """Ask `size` seeds, or more (see ENOUGH, MOST); `told` hears how many rows of which stage are asked next."""
    asking, catalog, chances = _Asking(lake, asker, told), work.catalog, recipe.instructions.shares()
    wanted = size
    while True:
        seeds = draw(catalog, wanted)
        drafts = asking.run(work.drafts, seeds)
        captions = drifting.kept(accepted(drafts, seeds, recipe), seeds)
        counted = dict(captions["task"].drop_nulls().value_counts().iter_rows())
        short = any(chance and counted.get(task, 0) < ENOUGH for task, chance in chances.items())
        if not short or wanted >= MOST * size or seeds.height >= catalog.height:
            break
        wanted += size
    weight_of = dict(seeds.select("seed_id", "weight").iter_rows())
    kept = sum(weight_of[seed] for seed in captions["seed_id"]) / sum(weight_of.values())
    sampled = {work.drafts.name: replace(asking.sample(work.drafts, seeds, weight_of, drafts), kept=kept)}
    weight_of |= {caption: weight_of[seed] for caption, seed in captions.select("caption_id", "seed_id").iter_rows()}
    for task in work.tasks:
        sampled[task.name] = asking.sample(task, captions, weight_of, asking.run(task, captions))
    return Sample(seeds.height, sampled, asking.ledger, asking.answer_bytes / max(asking.answers, 1))


class _Asking:
    """Runs stages and notes what each row used."""

    def __init__(self, lake: Lake, asker: Asker, told: Callable[[str, int], None]) -> None:
        self._lake, self._asker, self._told = lake, asker, told
        self._used: dict[str, dict[str, NDArray[np.float64]]] = {}
        self._own: dict[str, dict[str, NDArray[np.float64]]] = {}
        self._spans: dict[str, tuple[float, float, float]] = {}  # first start, last end, seconds of fresh answers
        self.ledger = Ledger()
        self.answers = self.answer_bytes = 0

    def run(self, stage: Stage, parents: pl.DataFrame) -> pl.DataFrame:
        """Ask about rows of the stage's parent; gives its table."""
        rows = stage.chosen(parents).height
        self._told(stage.name, rows)
        # Asked again from the journal when more seeds are drawn: then the rows are counted anew.
        self._used[stage.name], self._own[stage.name] = {}, {}
        with shard_run(stage.name, "plan", partial(keep_shard_run, self._lake)) as run:
            owners = {follow.own.name for follow in stage.follow_ups if follow.own is not None}
            ask, ledger = self._asker.asking(partial(self._listen, stage.name, owners), run)
            frame, refused = stage.run(parents, ask)
        self.ledger.add(ledger)
        if rows and not self._used[stage.name]:  # then nothing is known of it, and there is no estimate
            last = f"; the last: {refused['detail'][-1]}" if refused.height else ""
            raise UserError(
                f"no answer came for {stage.name}, of {rows} rows that were asked{last}",
                "mend the server or llm in the recipe, then plan again; `--sample 0` asks nothing and gives bounds.",
            )
        return frame

    def _listen(self, stage: str, owners: Collection[str], event: Event) -> None:
        answer = event.answer
        if event.kind == "answer" and answer is not None:
            row_id, _, further = event.row_id.partition("#")  # further questions about a row count as its own
            figures = [1, answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens, answer.seconds]
            is_own = further.partition(".")[2].rstrip("0123456789") in owners
            for used in (self._used[stage], *([self._own[stage]] * is_own)):
                used[row_id] = used.get(row_id, np.zeros(len(USED))) + np.array(figures, dtype=np.float64)
            if not answer.from_journal:
                now = time.monotonic()
                start, _, seconds = self._spans.get(stage, (now - answer.seconds, now, 0.0))
                self._spans[stage] = min(start, now - answer.seconds), now, seconds + answer.seconds
            self.answers += 1
            self.answer_bytes += len(answer.text.encode("utf-8", "replace"))

    def sample(
        self, stage: Stage, parents: pl.DataFrame, weight_of: dict[str, float], made: pl.DataFrame
    ) -> StageSample:
        """What was noted of the stage's rows; `weight_of` by the parent's id."""
        rows = stage.chosen(parents)[stage.key].to_list()
        if not rows:
            return StageSample()
        weights = np.array([weight_of[row] for row in rows])
        good = set(made[stage.key].to_list())
        share = sum(weight_of[row] for row in rows if row in good) / weights.sum()
        used, own = (
            np.array([noted[stage.name].get(row, np.zeros(len(USED))) for row in rows])
            for noted in (self._used, self._own)
        )
        size = made.estimated_size() / made.height if made.height else 0.0
        start, end, seconds = self._spans.get(stage.name, (0.0, 0.0, 0.0))
        parallel = max(1.0, seconds / (end - start)) if end > start else None
        return StageSample(len(rows), float(share), used, weights, own, size, parallel)


def ledger_figures(ledger: Ledger, sample: Sample) -> dict[str, Any]:
    """What asking the sample cost just now."""
    return {"seeds": sample.seeds, "calls": ledger.calls, "from_journal": ledger.from_journal,
            "prompt_tokens": ledger.prompt_tokens, "completion_tokens": ledger.completion_tokens}  # fmt: skip
