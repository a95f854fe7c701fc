"""The graph as one table: every asset, what it is, what it is made of. Whoever needs a list of assets asks here.

A new task is one line in TASKS and a folder of its name in instructions/. Here: values. Not here: how an asset is made
(assets/), what is asked of an LLM (captions/, instructions/), or Dagster's part (assets/common.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Task:
    """One kind of instruction: its asset, table, recipe section and folder have this name."""

    name: str
    weight: float  # its share among the tasks, unless the recipe says another
    about: str


TASKS = (
    Task("multiple_choice", 171, "Questions with four options and one right letter"),
    Task("question_answering", 199, "Questions with free-text answers"),
    Task("complex_reasoning", 100, "Problems with step-by-step solutions"),
)
TASK_NAMES = tuple(task.name for task in TASKS)
TASKS_STEP = "tasks"
"""One step makes the pairs of all tasks, so that they fill one window of the LLM's servers."""


class Kind(StrEnum):
    """How the lake keeps an asset."""

    TABLE = "table"  # Parquet, one file per shard
    VECTORS = "vectors"  # safetensors, one file per shard
    ARTIFACT = "artifact"  # one file for all shards
    RELEASE = "release"  # a folder for each version


@dataclass(frozen=True)
class Asset:
    """One row of the graph. `by_shard`: partitioned; `asks`: an LLM; `refuses`: has rows in quarantine; `file`: name of
    an artifact; `step`: what makes it together with others, if no step of its own does.
    """

    name: str
    kind: Kind
    group: str
    about: str
    parents: tuple[str, ...] = ()
    by_shard: bool = True
    asks: bool = False
    refuses: bool = False
    file: str = ""
    step: str = ""

    @property
    def table(self) -> str:
        """The table that a release is cut from."""
        return self.parents[0]


def _table(
    name: str, group: str, about: str, *parents: str,
    by_shard: bool = True, asks: bool = False, refuses: bool = False, step: str = "",
) -> Asset:  # fmt: skip
    return Asset(name, Kind.TABLE, group, about, parents, by_shard, asks, refuses, step=step)


def _artifact(name: str, file: str, about: str, *parents: str) -> Asset:
    return Asset(name, Kind.ARTIFACT, "representation", about, parents, by_shard=False, file=file)


_ROWS = (
    _table(
        "seed_catalog", "seeds",
        "All seeds of all sources, normalised and de-duplicated, each with the shard it belongs to for ever.",
        by_shard=False, refuses=True,
    ),
    _table("seeds", "seeds", "The seeds of one shard.", "seed_catalog"),
    _table(
        "caption_drafts", "captions", "One LLM caption per seed: accepted text, or quarantined with a reason.", "seeds",
        asks=True, refuses=True,
    ),
    _table(
        "near_duplicates", "captions",
        "Which drafts repeat an earlier one, over all shards: the candidate pairs' similarity is verified.",
        "caption_drafts", by_shard=False,
    ),
    _table(
        "captions", "captions",
        "The captions that pass every gate: the text of the pretraining set; some are chosen for a task.",
        "caption_drafts", "near_duplicates", "seeds", refuses=True,
    ),
    *(
        _table(
            task.name, "instructions", f"{task.about}, from the captions chosen for this task.", "captions",
            asks=True, refuses=True, step=TASKS_STEP,
        )
        for task in TASKS
    ),
    _table(
        "instructions", "instructions",
        "Multi-turn records in the shape that LLaVA and Bunny train on: the text of the instruction set.",
        "captions", *TASK_NAMES, refuses=True,
    ),
    Asset(
        "text_embeddings", Kind.VECTORS, "representation",
        "One unit vector per caption, as the recipe's encoder reads its text.", ("captions",), refuses=True,
    ),
    _artifact(
        "image_reference", "image_reference.safetensors",
        "What real images look like to the encoder: statistics and a small sample, unpaired with the captions.",
    ),
    _artifact(
        "transfer", "transfer.safetensors", "The fitted move from text to image space, over all shards.",
        "text_embeddings", "image_reference",
    ),
    Asset(
        "image_embeddings", Kind.VECTORS, "representation",
        "The synthetic image embeddings: text embeddings moved to where image embeddings live.",
        ("text_embeddings", "transfer"),
    ),
    _artifact(
        "modality_gap", "modality_gap.json",
        "How far text and image vectors are apart, before and after the move: figures, pictures and a report page.",
        "text_embeddings", "image_embeddings", "image_reference", "transfer",
    ),
    Asset(
        "unicorn_1_2m", Kind.RELEASE, "releases",
        "The pretraining set: captions with synthetic image embeddings, in the shape that LLaVA and Bunny read.",
        ("captions", "image_embeddings", "modality_gap"), by_shard=False,
    ),
    Asset(
        "unicorn_471k_instruction", Kind.RELEASE, "releases",
        "The instruction set: multi-turn records with synthetic image embeddings, in the shape that LLaVA reads.",
        ("instructions", "image_embeddings", "modality_gap"), by_shard=False,
    ),
)  # fmt: skip

ASSETS = {asset.name: asset for asset in _ROWS}
"""By name, parents before their children."""

TABLES = tuple(a.name for a in _ROWS if a.kind is Kind.TABLE)
VECTORS = tuple(a.name for a in _ROWS if a.kind is Kind.VECTORS)
ARTIFACTS = {a.name: a.file for a in _ROWS if a.kind is Kind.ARTIFACT}
RELEASES = tuple(a.name for a in _ROWS if a.kind is Kind.RELEASE)
ASKING = tuple(a.name for a in _ROWS if a.asks)
REFUSING = tuple(a.name for a in _ROWS if a.refuses)


def ancestors(*names: str) -> tuple[str, ...]:
    """All that these assets are made of, and they themselves, parents first."""
    found = set(names)
    for asset in reversed(_ROWS):
        if asset.name in found:
            found.update(asset.parents)
    return tuple(name for name in ASSETS if name in found)


def llm_first() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The assets in two parts: all that asking the LLM needs, and the rest. A server that gives no answers then ends a
    run before hours of embedding.
    """
    first = ancestors(*ASKING)
    return first, tuple(name for name in ASSETS if name not in first)


def stretches(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """`names` in the order of making: partitioned assets that follow each other shard by shard, then those over all
    shards, and so on.
    """
    wanted = set(names)
    left = [name for name in ASSETS if name in wanted]
    while left:
        for by_shard in (True, False):
            stretch: list[str] = []
            for name in left:
                waiting = set(ASSETS[name].parents) & set(left) - set(stretch)
                if ASSETS[name].by_shard is by_shard and not waiting:
                    stretch.append(name)
            if stretch:
                yield tuple(stretch)
            left = [name for name in left if name not in stretch]
