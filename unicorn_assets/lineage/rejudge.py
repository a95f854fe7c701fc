"""Stored answers under another gate: which rows would be refused, accepted or changed, asked of nobody.

Each row's drafts are walked through the journal by the very code that a run uses: the requests are the recipe's, the
verdicts those of the recipe with the gate changed. A sample of the rows with an interval, or all; in two processes.
Here: judging. Not here: captions that have drifted, of which no answer is judged again (redrift.py), what follows for
shards and releases (impact.py).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import ValidationError

from unicorn_assets.errors import UserError
from unicorn_assets.generation.replay import MORE, NOT_STORED, stored
from unicorn_assets.generation.rounds import outcomes
from unicorn_assets.generation.stage import Stage
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.lake.query import connect
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.row import Accepted, Quarantined
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.recipe_representation import Drift
from unicorn_assets.stages import stages

SAMPLE = 4000
"""Rows that are judged unless all are wanted."""
WORKERS = 2
AT_A_TIME = 250
ALONE = 500
"""Up to so many rows a second process costs more than it saves."""
KEPT, CHANGED, REFUSED, ACCEPTED, WAITS = "unchanged", "changed", "refused now", "accepted now", "to be asked"
DRIFT = "drift"
_Z = 1.96

Judged = list[tuple[str, str, str, str | None]]
"""Of each row: its id, what becomes of it, the reason of a refusal, and the id of what is made of it."""


@dataclass(frozen=True)
class Gate:
    """One gate of the recipe with another value: `key` is of the section `gates` of a stage that asks the LLM, or of
    `drift`, by which the stage `captions` judges.
    """

    stage: str
    key: str
    value: Any

    @classmethod
    def parse(cls, text: str, recipe: Recipe) -> "Gate":
        """`[captions. | TASK. | drift.]KEY=VALUE`; a UserError names the gates there are."""
        name, equals, value = text.partition("=")
        section, _, key = name.strip().rpartition(".")
        known = {part: set(type(gates_of(recipe, part)).model_fields) for part in ("captions", *TASK_NAMES)}
        known[DRIFT] = {"min_cosine"}
        fitting = [part for part, keys in known.items() if key in keys and section in ("", part)]
        names = sorted(f"{part}.{each}" for part, keys in known.items() for each in keys)
        if not equals or not fitting:
            near = get_close_matches(name.strip(), [*names, *{each.partition(".")[2] for each in names}], 1)
            hint = f"did you mean {near[0]}=VALUE?" if near else f"the gates are {', '.join(names)}"
            raise UserError(f"--gate takes NAME=VALUE, and {text!r} names no gate", hint)
        if len(fitting) > 1:
            raise UserError(
                f"--gate {key}: several stages have it", f"say which: {', '.join(f'{p}.{key}' for p in fitting)}"
            )
        part, gates = fitting[0], gates_of(recipe, fitting[0])
        try:
            plain = yaml.safe_load(value)
            changed = type(gates).model_validate({**gates.model_dump(), key: plain})
            if part == DRIFT:  # whether its encoder can read the recipe's texts
                type(recipe).model_validate({**recipe.model_dump(), DRIFT: changed.model_dump()})
        except (ValidationError, yaml.YAMLError) as error:
            words = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "it is no YAML"
            raise UserError(f"--gate {part}.{key}: {value!r} does not fit: {words}", "see docs/reference.md") from None
        stage = {"captions": "caption_drafts", DRIFT: "captions"}.get(part, part)
        return cls(stage, key, getattr(changed, key))

    @property
    def part(self) -> str:
        """The recipe's section."""
        return {"caption_drafts": "captions", "captions": DRIFT}.get(self.stage, self.stage)

    def applied(self, recipe: Recipe) -> Recipe:
        """The recipe with this gate."""
        part = self.part
        gates = gates_of(recipe, part).model_copy(update={self.key: self.value})
        if part == DRIFT:
            return recipe.model_copy(update={DRIFT: gates})
        if part == "captions":
            section = recipe.captions.model_copy(update={"gates": gates})
            return recipe.model_copy(update={"captions": section})
        task = recipe.instructions.task(part).model_copy(update={"gates": gates})
        instructions = recipe.instructions.model_copy(update={part: task})
        return recipe.model_copy(update={"instructions": instructions})


def gates_of(recipe: Recipe, part: str) -> Any:
    """The section `gates` of captions or of a task, or `drift`, which refuses nothing where the recipe has none."""
    if part == DRIFT:
        return recipe.drift or Drift(min_cosine=-1)
    return recipe.captions.gates if part == "captions" else recipe.instructions.task(part).gates


@dataclass(frozen=True)
class Estimate:
    """Rows of all, from a share of those that were judged, with its 95 % interval (Wilson's score)."""

    rows: int
    low: int
    high: int
    judged: int


@dataclass
class Rejudged:
    """What a gate would do: `rows` were asked about, `judged` of them were judged again. `asks_anew`: the gate is part
    of the requests, too, so that with it every row is asked again; what is said here is of the answers there are.
    """

    stage: str
    gate: str
    before: Any
    after: Any
    rows: int
    judged: int
    asks_anew: bool
    outcomes: dict[str, Estimate] = field(default_factory=dict)
    reasons: dict[str, Estimate] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)


def rejudge(lake: Lake, place: Path, gate: Gate, sample: int | None = SAMPLE) -> Rejudged:
    """Judge the stored answers of a stage by the recipe at `place` with the gate changed. `sample`: None: all rows."""
    recipe = load_recipe(place, files_exist=False)
    worker = _Worker(lake, place, gate)
    total, chunks = _asked(lake, worker.stage, sample)
    results: Iterator[Judged]
    if total <= ALONE or (sample is not None and sample <= ALONE):
        results = (worker.judge(chunk) for chunk in chunks)
        return summed(recipe, gate, total, results, worker)
    context = get_context("spawn")
    with ProcessPoolExecutor(WORKERS, context, _start, (lake.url, lake.storage_options, place, gate)) as pool:
        return summed(recipe, gate, total, pool.map(_judge, chunks), worker)


def summed(
    recipe: Recipe, gate: Gate, total: int, results: Iterable[Judged], worker: "_Worker | None" = None
) -> Rejudged:
    """The verdicts on some of `total` rows, counted and scaled up. `worker` is of a stage that asks."""
    counts, reasons = Counter[str](), Counter[str]()
    examples: defaultdict[str, list[str]] = defaultdict(list)
    judged = 0
    for found in results:
        judged += len(found)
        for row_id, kind, reason, _ in found:
            counts[kind] += 1
            if kind == REFUSED:
                reasons[reason] += 1
            if kind != KEPT and len(examples[kind]) < 3:
                examples[kind].append(row_id)
    before = getattr(gates_of(recipe, gate.part), gate.key)
    kinds = {kind: scaled(counts[kind], judged, total) for kind in (KEPT, CHANGED, REFUSED, ACCEPTED, WAITS)}
    return Rejudged(
        gate.stage, f"{gate.part}.{gate.key}", before, gate.value, total, judged,
        worker is not None and worker.asks_anew, kinds,
        {reason: scaled(count, judged, total) for reason, count in reasons.most_common()}, dict(examples),
    )  # fmt: skip


def scaled(count: int, judged: int, total: int) -> Estimate:
    """From `count` of `judged` rows to all; exact where all were judged."""
    if judged >= total or not judged:
        return Estimate(count, count, count, count)
    share, spread = count / judged, 1 - judged / total  # what was judged is known
    middle = (count + _Z * _Z / 2) / (judged + _Z * _Z)
    half = _Z * math.sqrt((share * (1 - share) / judged * spread) + (_Z / (2 * judged)) ** 2) / (1 + _Z * _Z / judged)
    low, high = max(count, math.floor((middle - half) * total)), min(total, math.ceil((middle + half) * total))
    return Estimate(round(share * total), low, high, count)


# ---- rows and what was made of them


def _asked(lake: Lake, stage: Stage, sample: int | None) -> tuple[int, Iterator[list[tuple[str, str, str | None]]]]:
    """How many rows the stage was asked about, and (parent's id, its text, id of what was made) in chunks. Ids are
    hashes, so that those that come first are drawn at random.
    """
    own = "caption_id" if stage.key == "seed_id" else "instruction_id"
    asked = (
        f"SELECT {stage.key} AS id, {own} AS made, shard FROM {stage.name} UNION ALL "
        f"SELECT row_id, NULL, shard FROM quarantine WHERE stage = '{stage.name}'"
    )
    tables = (stage.name, stage.parent, "quarantine")
    with connect(lake, tables=tables) as sql:
        total = int((sql.execute(f"SELECT count(*) FROM ({asked})").fetchone() or (0,))[0])
        if sample is not None and sample < total:
            last = sql.execute(f"SELECT max(id) FROM (SELECT id FROM ({asked}) ORDER BY id LIMIT {int(sample)})")
            border = (last.fetchone() or ("",))[0]
            rows = sql.execute(
                f"SELECT id, text, made FROM "
                f"(SELECT {stage.key} AS id, text FROM {stage.parent} WHERE {stage.key} <= $1) "
                f"JOIN (SELECT * FROM ({asked}) WHERE id <= $1) USING (id) ORDER BY id",
                [border],
            ).fetchall()
            return total, (rows[at : at + AT_A_TIME] for at in range(0, len(rows), AT_A_TIME))
    return total, _by_shard(lake, stage, own)


def _by_shard(lake: Lake, stage: Stage, own: str) -> Iterator[list[tuple[str, str, str | None]]]:
    for shard in lake.shards(stage.name):
        made, refused = lake.find(stage.name, shard), lake.find(f"quarantine/{stage.name}", shard)
        parents = lake.find(stage.parent, shard)
        if made is None or parents is None:
            continue
        ids = dict(made.select(stage.key, own).iter_rows())
        ids |= dict.fromkeys(refused["row_id"] if refused is not None else ())
        rows = [(key, text, ids[key]) for key, text in parents.select(stage.key, "text").iter_rows() if key in ids]
        yield from (rows[at : at + AT_A_TIME] for at in range(0, len(rows), AT_A_TIME))


# ---- one process


class _Worker:
    def __init__(self, lake: Lake, place: Path, gate: Gate) -> None:
        recipe = load_recipe(place, files_exist=False)
        self.before = stages(recipe)[gate.stage]
        self.stage = stages(gate.applied(recipe))[gate.stage]
        self._settings = recipe.llm
        self._endpoint = open_endpoint(recipe.llm, base=recipe.folder)
        self._journal: Journal | None = None
        self._lake = lake

    @property
    def asks_anew(self) -> bool:
        """Whether the gate's value is told to the model, in the prompt or the answer's schema."""
        parent = self._parents([("x", "a bird", None)])
        (one,), (other,) = self.before.rows_of(parent), self.stage.rows_of(parent)
        model, revision = self._endpoint.model, self._endpoint.revision
        return bool(one.request(0, None).key(model, revision) != other.request(0, None).key(model, revision))

    def judge(self, chunk: Sequence[tuple[str, str, str | None]]) -> Judged:
        """What becomes of these rows."""
        parents = self._parents(chunk)
        before = {row.row_id: row for row in self.before.rows_of(parents)}
        # The prompt as it was, so that its answers are found; the gates as they would be.
        rows = [replace(row, prompt=before[row.row_id].prompt) for row in self.stage.rows_of(parents)]
        last: dict[str, tuple[int, str]] = {}

        def heard(job: Any, _answer: Any, refusal: Any) -> None:
            if refusal is not None:
                at = last.get(job.row.row_id, (0, ""))[0]
                last[job.row.row_id] = (at + 1, refusal.reason)

        if self._journal is None:
            self._journal = Journal.open(self._lake.url, storage_options=self._lake.storage_options or None)
        ask = stored(self._journal, self._endpoint.model, self._endpoint.revision, self._settings, heard)
        found = outcomes(rows, self.stage.attempt(ask), None, dict.fromkeys((row.row_id for row in rows), MORE))
        made = {key: value for key, _, value in chunk}
        return [self._verdict(row, found[row.row_id], made[row.row_id], last) for row in rows]

    def _verdict(
        self, row: Any, outcome: Accepted[Any] | Quarantined, before: str | None, last: dict[str, tuple[int, str]]
    ) -> tuple[str, str, str, str | None]:
        if isinstance(outcome, Accepted):
            made = self.stage.made(row, outcome.value)
            after = str(made.get("caption_id" if self.stage.key == "seed_id" else "instruction_id"))
            kind = ACCEPTED if before is None else KEPT if after == before else CHANGED
            return row.row_id, kind, "", after
        drafts, reason = last.get(row.row_id, (0, outcome.reason))
        if outcome.reason == NOT_STORED and drafts < self._settings.max_drafts:
            return row.row_id, KEPT if before is None and not drafts else WAITS, "", None
        return row.row_id, KEPT if before is None else REFUSED, reason, None

    def _parents(self, chunk: Sequence[tuple[str, str, str | None]]) -> pl.DataFrame:
        rows = [(key, text) for key, text, _ in chunk]
        return pl.DataFrame(rows, schema={self.stage.key: pl.String, "text": pl.String}, orient="row")


_worker: _Worker | None = None


def _start(url: str, storage_options: dict[str, Any], place: Path, gate: Gate) -> None:
    global _worker
    _worker = _Worker(Lake(url, storage_options), place, gate)


def _judge(chunk: Sequence[tuple[str, str, str | None]]) -> Judged:
    assert _worker is not None, "the process was started by _start"
    return _worker.judge(chunk)
