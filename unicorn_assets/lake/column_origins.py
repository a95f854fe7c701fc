"""Of which columns each column of a table is made: a declared map, held against schemas and graph by a test.

The UI draws it as column lineage. Here: the map. Not here: what the columns hold (schemas.py).
"""

from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.lake.schemas import TABLES

Origins = dict[str, tuple[tuple[str, str], ...]]
"""By column: (table, column) pairs of parents."""

_MADE = ("model", "request_hash", "prompt_version", "drafts")


def _same(parent: str, *columns: str) -> Origins:
    return {column: ((parent, column),) for column in columns}


def _asked(parent: str, key: str, own: str, answer: tuple[str, ...]) -> Origins:
    """A stage that asks an LLM about the text of its parent: what it writes, and how it came."""
    text = ((parent, "text"),)
    return {
        **_same(parent, key), own: ((parent, key), *text), **dict.fromkeys(answer, text),
        "request_hash": text, "drafts": text,
    }  # fmt: skip


def _each(column: str) -> tuple[tuple[str, str], ...]:
    return tuple((task, column) for task in TASK_NAMES)


ORIGINS: dict[str, Origins] = {
    "seed_catalog": {},
    "seeds": _same("seed_catalog", *TABLES["seeds"]),
    "caption_drafts": _asked("seeds", "seed_id", "caption_id", ("text", "words")),
    "near_duplicates": {
        "caption_id": (("caption_drafts", "caption_id"),),
        "duplicate_of": (("caption_drafts", "caption_id"),),
        **dict.fromkeys(("kind", "jaccard", "cosine"), (("caption_drafts", "text"),)),
    },
    "captions": {
        **_same("caption_drafts", "seed_id", "text", "words", *_MADE),
        **_same("seeds", "source", "domain"),
        "caption_id": (("caption_drafts", "caption_id"), ("near_duplicates", "caption_id")),
        "task": (("caption_drafts", "caption_id"),),
    },
    **dict.fromkeys(TASK_NAMES, _asked("captions", "caption_id", "instruction_id", ("pairs",))),
    "instructions": {
        **{column: _each(column) for column in ("instruction_id", "caption_id", "pairs", *_MADE)},
        "conversations": _each("pairs"),
        "seed_id": (("captions", "seed_id"),),
        "task": (("captions", "task"),),
        "caption": (("captions", "text"),),
    },
}
"""By table; columns without an entry come from outside: sources, recipe, model."""
