"""A lake of any size, finished from seeds to releases, written by the platform's own writers without asking anybody.

Captions are the labelled good ones with some of their words exchanged, judged once by the gates; rows draw from that
pool. Every answer lies in the journal under the key of the very request that a run would send, refused drafts too, so
that lineage and impact find what they would find. Beyond DISTINCT shards the texts repeat under ids of their own, and
the journal is filled up with answers that nobody looks for. Not here: measuring (lineage.py).
"""

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unicorn_assets.captions.accept import draw_task
from unicorn_assets.captions.accept import version as captions_version
from unicorn_assets.generation.asked import keep_asked
from unicorn_assets.generation.stage import Stage
from unicorn_assets.ids import content_id
from unicorn_assets.instructions.conversation import conversation
from unicorn_assets.instructions.conversation import version as records_version
from unicorn_assets.instructions.rules import rules_of
from unicorn_assets.lake.ledger import keep_shard_run
from unicorn_assets.lake.owner import claim
from unicorn_assets.lake.quarantine_rows import quarantine_rows
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import ALL, Lake, Made
from unicorn_assets.lake.verdicts import Verdict, write_verdict
from unicorn_assets.lineage.rejudge import Gate
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Rejected
from unicorn_assets.llm.spend.ledger import Ledger, shard_run
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.release import ReleaseFacts, release_instruction, release_pretrain
from unicorn_assets.stages import stages

LABELLED = Path(__file__).parent.parent / "unicorn_assets_tests" / "labelled" / "tune"
NOUNS = Path(__file__).parent.parent / "unicorn_assets" / "curation" / "nouns.txt"
SHARD_ROWS, DIMENSION, VARIANTS = 4096, 128, 24
DISTINCT = 32
"""Shards whose texts are their own."""
MODEL, REVISION = "writer-8b", "r1"
RECIPE = f"""
name: synthetic
shard_rows: {SHARD_ROWS}
sources:
  - {{name: notes, path: notes.txt}}
  - {{name: extra, path: extra.txt}}
llm:
  {{endpoint: url, url: "http://127.0.0.1:9", model: {MODEL}, revision: {REVISION},
    price: {{prompt: 0.1, completion: 0.4}}}}
captions: {{gates: {{min_words: 51, max_words: 490}}}}
"""
ID_COLUMNS = {"seed_id", "caption_id", "instruction_id", "row_id", "parent_id", "duplicate_of"}


@dataclass
class Scene:
    """A labelled seed, captions of it that the gates accept, and one that they refuse, with their words."""

    seed: str
    good: list[str] = field(default_factory=list)
    short: str = ""
    problem: str = ""


def make(folder: Path, rows: int, told: Callable[[str], object] = print) -> Lake:
    """A home `folder` with recipe.yaml, its sources and a lake of `rows` seeds. Nothing is synced to disk meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    for name in ("notes", "extra"):
        (folder / f"{name}.txt").write_text("a seed\n", encoding="utf-8")
    synced, os.fsync, os.fdatasync = (os.fsync, os.fdatasync), lambda _: None, lambda _: None  # type: ignore[assignment]
    try:
        return _fill(load_recipe(folder / "recipe.yaml"), Lake(str(folder / "lake")), rows, told)
    finally:
        os.fsync, os.fdatasync = synced


def _fill(recipe: Recipe, lake: Lake, rows: int, told: Callable[[str], object]) -> Lake:
    claim(lake, recipe.name)
    maker = _Maker(recipe, lake)
    shards = maker.seeds(rows)
    with Journal.open(lake.url) as journal:
        for number, shard in enumerate(shards):
            if number < DISTINCT:
                maker.shard(shard, journal)
            else:
                maker.repeat(shard, shards[number % DISTINCT], journal)
            if number % 16 == 15:
                told(f"{number + 1} of {len(shards)} shards")
    lake.write("near_duplicates", ALL, pl.concat(maker.repeats.values()), Made(recipe.name, "synthetic"))
    told("releases")
    facts = ReleaseFacts("synthetic", "r1", DIMENSION, "mean_shift")
    if 4 < len(shards) < 100:  # of a large lake one is enough
        release_pretrain(lake, recipe, shards[:-2], facts)
    release_pretrain(lake, recipe, shards, facts)
    release_instruction(lake, recipe, shards, facts)
    return lake


class _Maker:
    def __init__(self, recipe: Recipe, lake: Lake) -> None:
        self.recipe, self.lake, self.stages = recipe, lake, stages(recipe)
        self.random = random.Random(0)
        self.repeats: dict[str, pl.DataFrame] = {}
        self.filling: list[Answer] = []
        self.scenes = self._scenes()
        self.pairs = _pairs()
        self.catalog = pl.DataFrame(schema=polars_schema("seed_catalog"))

    def seeds(self, rows: int) -> list[str]:
        """The catalog; a fifth of the seeds are of the source `extra`."""
        found, at = [], 0
        for source, count in (("notes", rows - rows // 5), ("extra", rows // 5)):
            for row in range(count):
                shard = f"{source}-{row // SHARD_ROWS:05}"
                number = (at + row // SHARD_ROWS) % DISTINCT * SHARD_ROWS + row % SHARD_ROWS
                text = f"{self.scenes[number % len(self.scenes)].seed}, notes {number + 1}"
                found.append(
                    (content_id("s", text, shard), source, text, "open", None, f"{source}.txt", row + 1, shard)
                )
            at += -(-count // SHARD_ROWS)
        self.catalog = pl.DataFrame(found, schema=polars_schema("seed_catalog"), orient="row")
        self.lake.write("seed_catalog", ALL, self.catalog, Made(self.recipe.name, "synthetic"))
        return self.catalog["shard"].unique(maintain_order=True).to_list()

    def shard(self, shard: str, journal: Journal) -> None:
        """Every table and vector of a shard, with the verdict that all is well."""
        seeds = self.catalog.filter(pl.col("shard") == shard).drop("shard")
        self._write("seeds", shard, seeds)
        drafts = self._captions(shard, seeds, journal)
        near = drafts.gather_every(50, 1).select(
            "caption_id",
            duplicate_of=pl.lit(drafts["caption_id"][0]),
            kind=pl.lit("jaccard"),
            jaccard=pl.lit(0.8),
            cosine=pl.lit(None, pl.Float64),
            shard=pl.lit(shard),
        )
        self.repeats[shard] = near
        refused = drafts.join(near, on="caption_id").select(
            row_id="caption_id", parent_id="seed_id", reason=pl.lit("near_duplicate"),
            detail=pl.format("repeats {}", "duplicate_of"), raw_answer="text", attempts="drafts", model="model",
            request_hash="request_hash",
        )  # fmt: skip
        captions = drafts.join(near, on="caption_id", how="anti", maintain_order="left").join(
            seeds.select("seed_id", "source", "domain"), on="seed_id", maintain_order="left"
        )
        tasks = [draw_task(caption, self.recipe.instructions) for caption in captions["caption_id"]]
        captions = captions.with_columns(task=pl.Series(tasks, dtype=pl.String))
        self._write("captions", shard, captions, quarantine_rows("captions", refused), captions_version(self.recipe))
        records = [self._records(task, shard, captions, journal) for task in self.stages.values() if task.task]
        self._write("instructions", shard, pl.concat(records), version=records_version(self.recipe))
        self._vectors(shard, captions["caption_id"].to_list())

    def repeat(self, shard: str, like: str, journal: Journal) -> None:
        """A shard with the texts and the answers of another, under ids of its own."""
        seeds = self.catalog.filter(pl.col("shard") == shard).drop("shard")
        self._write("seeds", shard, seeds)
        texts = self.lake.read("seeds", like, ["seed_id", "text"])
        own = {**dict(zip(texts["text"], seeds["seed_id"], strict=False))}
        ids = {old: own[text] for old, text in texts.iter_rows() if text in own}

        def renamed(table: str, frame: pl.DataFrame | None = None) -> pl.DataFrame:
            frame = self.lake.read(table, like) if frame is None else frame
            for name in ID_COLUMNS & set(frame.columns):
                values = [_own(ids, old, shard) for old in frame[name]]
                frame = frame.with_columns(pl.Series(name, values, dtype=pl.String))
            if "source" in frame.columns:
                frame = frame.with_columns(source=pl.lit(seeds["source"][0]))
            return frame.head(seeds.height)

        self.repeats[shard] = renamed("", self.repeats[like]).with_columns(shard=pl.lit(shard))

        captions = renamed("captions")

        def about_them(table: str) -> pl.DataFrame:  # the last shard of a source is shorter than the one it is like
            return renamed(table).join(captions, on="caption_id", how="semi", maintain_order="left")

        for stage in self.stages.values():
            made = about_them(stage.name) if stage.task else renamed(stage.name)
            self._write(stage.name, shard, made, renamed(f"quarantine/{stage.name}"), stage.version)
        self._write("captions", shard, captions, renamed("quarantine/captions"), captions_version(self.recipe))
        self._write("instructions", shard, about_them("instructions"), version=records_version(self.recipe))
        self._vectors(shard, captions["caption_id"].to_list())
        for answer in self.filling:
            journal.put(replace(answer, key=self.random.randbytes(16).hex()))

    def _vectors(self, shard: str, ids: list[str]) -> None:
        rng = np.random.default_rng(len(ids))
        for name in ("text_embeddings", "image_embeddings"):
            vectors = rng.standard_normal((len(ids), DIMENSION), dtype=np.float32) / np.float32(DIMENSION**0.5)
            info = self.lake.write_vectors(name, shard, ids, vectors, Made(self.recipe.name, "synthetic"))
            write_verdict(self.lake, name, shard, Verdict(info.content))

    def _captions(self, shard: str, seeds: pl.DataFrame, journal: Journal) -> pl.DataFrame:
        """Of ten seeds one needs a second draft, of a hundred three are given up after three."""
        stage, made, given_up = self.stages["caption_drafts"], [], []
        with shard_run(stage.name, shard, partial(keep_shard_run, self.lake)) as run:
            ledger = self._ledger(run)
            for row in stage.rows(seeds):
                number = int(row.seed.rsplit(" ", 1)[1]) - 1
                scene, problem = self.scenes[number % len(self.scenes)], None
                draw = self.random.random()
                shorts = 3 if draw < 0.03 else int(draw < 0.13)
                for draft in range(shorts):
                    key = self._answer(journal, ledger, row, draft, problem, scene.short)
                    problem = scene.problem
                if shorts == 3:
                    given_up.append((row.row_id, "too_short", problem, scene.short, 3, MODEL, key))
                    continue
                text = self.random.choice(scene.good)
                key = self._answer(journal, ledger, row, shorts, problem, text)
                identity = content_id("c", row.row_id, text)
                made.append(
                    (identity, row.row_id, text, len(text.split()), MODEL, key, stage.prompt.version, shorts + 1)
                )
        frame = pl.DataFrame(made, schema=polars_schema(stage.name), orient="row")
        names = ("row_id", "reason", "detail", "raw_answer", "attempts", "model", "request_hash")
        refused = pl.DataFrame(given_up, schema=names, orient="row").with_columns(parent_id="row_id")
        self._close(stage, shard, frame, quarantine_rows(stage.name, refused))
        return frame

    def _records(self, stage: Stage, shard: str, captions: pl.DataFrame, journal: Journal) -> pl.DataFrame:
        """The table of a task, and what follows of it for `instructions`."""
        chosen, made, records = stage.chosen(captions), [], []
        with shard_run(stage.name, shard, partial(keep_shard_run, self.lake)) as run:
            ledger = self._ledger(run)
            for row, (seed_id, text) in zip(
                stage.rows(captions), chosen.select("seed_id", "text").iter_rows(), strict=True
            ):
                answer, pairs, turns = self.random.choice(self.pairs[stage.name])
                key = self._answer(journal, ledger, row, 0, None, answer)
                identity = content_id("i", row.row_id, stage.name, key)
                origin = (MODEL, key, stage.prompt.version, 1)
                made.append((identity, row.row_id, pairs, *origin))
                records.append((identity, row.row_id, seed_id, stage.name, text, turns, len(pairs), *origin))
        self._close(stage, shard, pl.DataFrame(made, schema=polars_schema(stage.name), orient="row"))
        return pl.DataFrame(records, schema=polars_schema("instructions"), orient="row")

    def _ledger(self, run: Any) -> Ledger:
        run.price, run.model = self.recipe.llm.price, MODEL
        run.ledgers.append(Ledger())
        return run.ledgers[0]

    def _answer(self, journal: Journal, ledger: Ledger, row: Any, draft: int, problem: str | None, text: str) -> str:
        key = row.request(draft, problem).key(MODEL, REVISION)
        answer = Answer(key, text, "stop", 600, len(text) // 4, 512, 1.2, 1, MODEL)
        journal.put(answer)
        if len(self.filling) < 1.5 * SHARD_ROWS:
            self.filling.append(answer)
        ledger.observe(Event("answer", row.row_id, answer=answer))
        return key

    def _close(self, stage: Stage, shard: str, frame: pl.DataFrame, refused: pl.DataFrame | None = None) -> None:
        keep_asked(self.lake, stage)
        none = pl.DataFrame(schema=polars_schema("quarantine"))
        self._write(stage.name, shard, frame, none if refused is None else refused, stage.version)

    def _scenes(self) -> list[Scene]:
        """Of each labelled caption some variants: words that its seed does not name are exchanged for other nouns. The
        short draft of a scene is too short, and nothing else is wrong with it.
        """
        nouns, found = NOUNS.read_text("utf-8").split(), []
        stage = self.stages["caption_drafts"]
        loose = stages(Gate.parse("captions.min_words=1", self.recipe).applied(self.recipe))["caption_drafts"]
        for row in _labelled("good_captions"):
            scene, kept = Scene(row["seed"]), set(row["seed"].lower().split())
            seed = pl.DataFrame({"seed_id": ["s"], "text": [f"{row['seed']}, notes 1"]})
            (asked,) = stage.rows_of(seed)
            for number in range(VARIANTS):
                rate = 0.2 * number / VARIANTS
                words = [
                    self.random.choice(nouns)
                    if word.isalpha() and word.islower() and len(word) > 4 and word not in kept
                    and self.random.random() < rate else word
                    for word in row["text"].split()
                ]  # fmt: skip
                try:
                    scene.good.append(asked.accept(" ".join(words)))
                except Rejected:
                    continue
            scene.short = f"{row['seed'].rstrip('.')}."
            try:
                loose.rows_of(seed)[0].accept(scene.short)
                asked.accept(scene.short)
            except Rejected as refused:
                scene.problem = refused.detail if refused.reason == "too_short" else ""
            if scene.good and scene.problem:
                found.append(scene)
        return found

    def _write(
        self, table: str, shard: str, frame: pl.DataFrame, refused: pl.DataFrame | None = None,
        version: str = "synthetic",
    ) -> None:  # fmt: skip
        made, reasons = Made(self.recipe.name, version, {"synthetic": shard}), {}
        if refused is not None:
            self.lake.write(f"quarantine/{table}", shard, refused, made)
            reasons = dict(refused["reason"].value_counts(sort=True).iter_rows())
        info = self.lake.write(table, shard, frame, made, {"quarantined": reasons})
        write_verdict(self.lake, table, shard, Verdict(info.content, str(datetime.now(UTC))))


def _own(ids: dict[str, str], old: str | None, shard: str) -> str | None:
    return None if old is None else ids.setdefault(old, content_id(old[0], old, shard))


def _labelled(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LABELLED / f"{name}.jsonl").read_text("utf-8").splitlines()]


def _pairs() -> dict[str, list[tuple[str, list[Any], list[Any]]]]:
    """By task: answers of six pairs, the pairs as a table keeps them, and their turns."""
    pairs: dict[str, list[Any]] = {}
    for row in _labelled("good_pairs"):
        pairs.setdefault(row["stage"], []).append(rules_of(row["stage"]).pair.model_validate(row["pair"]))
    found: dict[str, list[tuple[str, list[Any], list[Any]]]] = {}
    draws = random.Random(1)
    for task, good in pairs.items():
        for number in range(256):
            chosen = draws.sample(good, 6)
            finished = [rules_of(task).finish(pair, str(number)) for pair in chosen]
            answer = json.dumps({"pairs": [pair.model_dump() for pair in chosen]})
            found.setdefault(task, []).append((answer, finished, conversation(finished)))
    return found
