"""What the search for repeats of meaning finds, and what it costs: `dedup.py --meaning`.

Quality: written paraphrases of labelled good captions (paraphrases.jsonl) and captions of the same subject that show
another scene, beside all labelled good captions of `tune`, read by the pocket encoders and searched as a run does it.
Paraphrases are to be found; whatever else is refused is a genuine row lost. Cost: vectors drawn with the second moment
of the labelled captions' vectors, of which one in a hundred is close to an earlier one; each search is a process of
its own. Not here: repeats of words (dedup.py).
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from corpus import LABELLED
from numpy.typing import NDArray

from unicorn_assets.curation.meanings import Meanings
from unicorn_assets.curation.near_duplicates import COSINE, Drafts, search
from unicorn_assets.curation.signatures import signatures
from unicorn_assets.encoders import open_encoder
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_representation import NearDuplicates

PLANTED = Path(__file__).with_name("paraphrases.jsonl")
LEAST = (0.8, 0.85, 0.9)
BATCH = 512
SHARD_ROWS = 4096
NUMBERS = 1280
"""Of a vector of the photo width."""
COPIES = 0.01


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def written() -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Labelled good captions by id, and what is planted beside them."""
    rows = [row for path in sorted((LABELLED / "tune").glob("*_captions.jsonl")) for row in read(path)
            if row["label"] == "good" and not path.name.startswith("real_")]  # fmt: skip
    return {row["id"]: row["text"] for row in rows}, read(PLANTED)


def quality(width: str) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """By least cosine: paraphrases found, genuine rows lost; and the labelled captions' vectors."""
    good, planted = written()
    recipe = {"name": "d", "sources": [{"name": "c", "path": "c.txt"}], "llm": {}, "encoder": {"width": width},
              "image_reference": {"kind": "vectors", "path": "x.npy"}}  # fmt: skip
    ids = [*good, *(f"{row['is']} of {row['id']}" for row in planted)]
    texts = [*good.values(), *(row["text"] for row in planted)]
    vectors, truncated = open_encoder(Recipe.model_validate(recipe)).embed_texts(texts)
    rows = vectors.astype(np.float16)
    rows[truncated] = 0
    found: dict[str, Any] = {"captions": len(good), "longer than the window": len(truncated)}
    for least in LEAST:
        limits = NearDuplicates(cosine=least)
        signed = signatures(texts, limits.shingle_chars)
        part = Drafts("c-00000", len(ids), lambda signed=signed: (ids, signed), lambda: texts, None, lambda: rows)
        table = search([part], limits)
        refused = dict(table.select("caption_id", "duplicate_of").iter_rows())
        right = [name for name, of in refused.items() if name == f"paraphrase of {of}"]
        found[f"{least:g}"] = {
            "paraphrases_found": f"{len(right)} of {sum(row['is'] == 'paraphrase' for row in planted)}",
            "genuine_rows_lost": len(refused) - len(right), "of": len(ids),
            "by cosine": int((table["kind"] == COSINE).sum()),
        }  # fmt: skip
    return found, vectors[: len(good)]


def drawn(like: NDArray[np.float32], rows: int, seed: int) -> NDArray[np.float16]:
    """Unit rows with the second moment of `like`, and of each hundred one that is close to an earlier one."""
    rng = np.random.default_rng(seed)
    middle = like.mean(axis=0)
    _, spread, directions = np.linalg.svd((like - middle) / np.sqrt(len(like)), full_matrices=False)
    found = np.empty((rows, like.shape[1]), np.float16)
    for start in range(0, rows, SHARD_ROWS):
        size = min(SHARD_ROWS, rows - start)
        part = middle + (rng.normal(size=(size, len(spread))).astype(np.float32) * spread) @ directions
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        copies = np.flatnonzero(rng.random(size) < COPIES) if start else np.empty(0, int)
        near = found[rng.integers(0, max(1, start), len(copies))].astype(np.float32)
        noise = rng.normal(size=near.shape).astype(np.float32)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        part[copies] = near + rng.uniform(0.05, 0.6, (len(copies), 1)).astype(np.float32) * noise
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        found[start : start + size] = part
    return found


def searched(path: str, least: float, first: int) -> dict[str, Any]:
    """What rows from `first` on cost, all compared with all before them."""
    start = time.perf_counter()
    rows, size = Path(path).stat().st_size // (2 * NUMBERS), SHARD_ROWS * NUMBERS
    parts = [
        lambda at=at: np.fromfile(path, np.float16, size, offset=at * NUMBERS * 2).reshape(-1, NUMBERS)
        for at in range(0, rows, SHARD_ROWS)
    ]
    meanings, may = Meanings(parts, rows, least), np.ones(rows, bool)
    opened, repeats = time.perf_counter() - start, 0
    for at in range(first, rows, BATCH):
        alike = meanings.alike(np.arange(at, min(rows, at + BATCH)), may)
        may[list(alike)] = False  # as near as need be: of several in a batch that are alike all but the first go
        repeats += len(alike)
    meanings.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rows": rows, "searched": rows - first, "s": round(time.perf_counter() - start, 1),
        "of that to open": round(opened, 1), "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "mb": peak_mb(), "load": round(os.getloadavg()[0], 1), "repeats": repeats,
    }  # fmt: skip


def peak_mb() -> int:
    """Of this program; the system's own figure begins with the size of whoever started it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return round(int(line.split()[1]) / 1024)


def apart(path: str, least: float, first: int) -> dict[str, Any]:
    code = f"import json, meanings; print(json.dumps(meanings.searched({path!r}, {least}, {first})))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parent,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(rows: int, least: float = 0.85) -> dict[str, Any]:
    """Quality by width of the pocket encoder, and what `rows` of 1,280 numbers cost."""
    by_width = {}
    for width in ("narrow", "photo"):
        by_width[width], like = quality(width)
        print(f"{width}: {by_width[width]}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="unicorn-meanings-") as folder:
        path = f"{folder}/rows.f16"
        drawn(like, rows, 7).tofile(path)
        whole = apart(path, least, 0)
        print(f"from scratch: {whole}", file=sys.stderr)
        added = apart(path, least, rows - min(rows, SHARD_ROWS))
        print(f"a shard more: {added}", file=sys.stderr)
    return {"quality": by_width, "whole": whole, "added": added}
