"""A small lake in which everything is in order, for tests that then damage one thing."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import ALL, Lake, Made

SHARD = "tiny-00000"
MADE = Made("tiny", "v1", {})
ORIGIN = {"model": "m@1", "request_hash": "h", "prompt_version": "dense@1", "drafts": 1}
TEXTS = {
    "multiple_choice": "A red kite with a forked tail glides over a wet green meadow at noon.",
    "question_answering": "Two copper pans hang above a white stove in a narrow kitchen with blue tiles.",
    "complex_reasoning": "Snow covers a wooden bench and the gravel path beside a frozen grey lake.",
    None: "A yellow tram stops beside a glass shelter while three people wait with umbrellas.",
}


@dataclass
class TinyLake:
    """Tables and vectors by name; change them, then `write`."""

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    vectors: dict[str, tuple[list[str], np.ndarray]] = field(default_factory=dict)

    def write(self, folder: Path) -> Lake:
        """All of it as one shard of a lake in `folder`."""
        lake = Lake(str(folder))
        for name, frame in self.tables.items():
            shard = ALL if name in ("seed_catalog", "near_duplicates", "quarantine/seed_catalog") else SHARD
            drafts = lake.info("caption_drafts", SHARD)
            seen = {f"caption_drafts/{SHARD}": drafts.content} if drafts and name == "near_duplicates" else {}
            lake.write(name, shard, frame, replace(MADE, parents=seen))
        for name, (ids, vectors) in self.vectors.items():
            lake.write_vectors(name, SHARD, ids, vectors, MADE, {"truncated": 0, "dimension": vectors.shape[1]})
        return lake

    def change(self, table: str, column: str, value: object, row: int = 0) -> None:
        """Put `value` into one cell."""
        frame = self.tables[table]
        cells = frame[column].to_list()
        cells[row] = value
        self.tables[table] = frame.with_columns(pl.Series(column, cells, dtype=frame.schema[column]))


def tiny_lake() -> TinyLake:
    """Four seeds, four captions, one record of each task, one quarantined seed."""
    seeds = [f"s{i:016x}" for i in range(5)]
    captions = [f"c{i:016x}" for i in range(4)]
    tasks = list(TEXTS)
    texts = [TEXTS[task] for task in tasks]
    words = [len(text.split()) for text in texts]
    seed_rows = {
        "seed_id": seeds, "source": "tiny", "text": [f"seed number {i}" for i in range(5)], "domain": "open",
        "label": None, "file": "tiny.txt", "row": list(range(1, 6)),
    }  # fmt: skip
    drafts = {"caption_id": captions, "seed_id": seeds[:4], "text": texts, "words": words, **ORIGIN}
    tables = {
        "seed_catalog": _frame("seed_catalog", seed_rows | {"shard": SHARD}),
        "seeds": _frame("seeds", seed_rows),
        "caption_drafts": _frame("caption_drafts", drafts),
        "near_duplicates": _frame("near_duplicates", {}),
        "captions": _frame("captions", drafts | {"source": "tiny", "domain": "open", "task": tasks}),
        "quarantine/caption_drafts": _frame("quarantine", {
            "stage": "caption_drafts", "row_id": [seeds[4]], "parent_id": seeds[4], "reason": "too_short",
            "detail": "", "raw_answer": "x", "attempts": 3, "model": "m@1", "request_hash": "h",
            "at": datetime(2026, 1, 1, tzinfo=UTC),
        }),
    }  # fmt: skip
    records = []
    for number, task in enumerate(tasks[:3]):
        options = ["a kite", "a pan", "a bench", "a tram"] if task == "multiple_choice" else []
        answer = "A" if options else "It is there."
        question = "What is shown?"
        pair = {"question": question, "options": options, "answer": answer}
        identity = f"i{number:016x}"
        tables[task] = _frame(
            task, {"instruction_id": [identity], "caption_id": captions[number], "pairs": [[pair]], **ORIGIN}
        )
        turns = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
        records.append({
            "instruction_id": identity, "caption_id": captions[number], "seed_id": seeds[number], "task": task,
            "caption": texts[number], "conversations": turns, "pairs": 1, **ORIGIN,
        })  # fmt: skip
    tables["instructions"] = pl.DataFrame(records, schema=polars_schema("instructions"))
    vectors = np.random.default_rng(0).normal(size=(4, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TinyLake(tables, dict.fromkeys(("text_embeddings", "image_embeddings"), (captions, vectors)))


def _frame(table: str, columns: dict[str, object]) -> pl.DataFrame:
    schema = polars_schema(table)
    if not columns:
        return pl.DataFrame(schema=schema)
    height = max(len(value) for value in columns.values() if isinstance(value, list))
    full = {name: value if isinstance(value, list) else [value] * height for name, value in columns.items()}
    return pl.DataFrame({name: full[name] for name in schema}, schema=schema)
