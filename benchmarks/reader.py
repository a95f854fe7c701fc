"""Figures of reading a release at the paper's size: random access in training, and streaming with `datasets`.

    python benchmarks/reader.py --json [--rows N] [--dimension D] [--folder DIR]

Makes a release of 1,243,195 rows of 1,280 numbers with captions of the paper's length (about 10 GB on disk, removed
afterwards unless --keep), by the writers that make real ones. Each timed part runs in a process of its own; memory is
the peak resident set of that process, its interpreter and numpy included. Figures are of the wall clock where their
name does not say cpu; the load of the machine is told beside them. Streaming is in Arrow batches: the
vectors as one float16 matrix and the captions as Python texts, both touched; `hf_numpy_rows_per_s` is the same loop
with the format "numpy". Without the package `datasets` those figures are left out and the JSON says so.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

PAPER_ROWS, PAPER_DIMENSION = 1_243_195, 1280
SHARD = 4000
SAMPLES = 100_000
WORDS = 129  # a caption's mean in the paper


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


class Corpus:
    """Batches without end: 8,000 captions and vectors, in each shard in another order, numbered and turned."""

    def __init__(self, dimension: int) -> None:
        self.random = np.random.default_rng(0)
        words = ["".join(self.random.choice(list("etaoinshrdlu"), int(n))) for n in self.random.integers(2, 9, 8000)]
        lengths = self.random.integers(51, 2 * WORDS - 51, 2 * SHARD)
        self.captions = [" ".join([words[i] for i in self.random.integers(0, 8000, int(n))]) for n in lengths]
        vectors = self.random.standard_normal((2 * SHARD, dimension), dtype=np.float32)
        self.vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)

    def batch(self, first: int, rows: int) -> Any:
        import polars as pl

        from unicorn_assets.lake.schemas import TURN
        from unicorn_assets.release.records import Batch

        chosen = self.random.permutation(2 * SHARD)[:rows]
        captions = [f"{first + row} {self.captions[number]}" for row, number in enumerate(chosen)]
        ids = [f"c-{hashlib.blake2b(str(first + row).encode(), digest_size=8).hexdigest()}" for row in range(rows)]

        def turn(role: str, value: pl.Expr) -> pl.Expr:
            return pl.struct(pl.lit(role).alias("from"), value.alias("value")).cast(TURN)

        human, gpt = turn("human", pl.lit("<image>\nWhat does this picture show?")), turn("gpt", pl.col("caption"))
        frame = pl.DataFrame({"id": ids, "caption": captions}).with_columns(
            pl.concat_list(human, gpt).alias("conversations"), pl.col("id").alias("seed_id"),
            pl.lit("web").alias("source"), pl.lit(f"web-{first // SHARD:05}").alias("shard"),
        )  # fmt: skip
        return Batch(frame, np.roll(self.vectors[chosen], first // SHARD, axis=1))


def make_release(folder: Path, rows: int, dimension: int) -> None:
    from unicorn_assets.ids import digest
    from unicorn_assets.lake.files import Files
    from unicorn_assets.lake.released import MANIFEST, manifest_bytes
    from unicorn_assets.release.writers import Embeddings, JsonArray, ParquetFiles, describe

    corpus = Corpus(dimension)
    files = Files(str(folder))
    names = ("Pretrain.json", "Pretrain.offsets.npy", "embeddings.safetensors")
    with ExitStack() as stack:
        handles = [stack.enter_context(files.writing(name)) for name in names]
        parquet = stack.enter_context(ParquetFiles(files.writing, "Pretrain"))
        writers = (JsonArray(handles[0], handles[1]), Embeddings(handles[2], dimension, {"asset": "bench"}), parquet)
        for first in range(0, rows, SHARD):
            made = corpus.batch(first, min(SHARD, rows - first))
            for writer in writers:
                writer.add(made)
        for writer in writers:
            writer.close()
        listed = {name: asdict(describe(handle, rows)) for name, handle in zip(names, handles, strict=True)}
    listed |= {name: asdict(file) for name, file in parquet.files.items()}
    versioned = {"format": 2, "asset": "unicorn_1_2m", "recipe": {}, "parents": {}, "facts": {}, "counts": {}}
    rest = {"version": digest(versioned, 6), "rows": rows, "dimension": dimension, "files": listed}
    files.write(MANIFEST, manifest_bytes(versioned | rest))
    config = "---\nconfigs:\n- config_name: pretrain\n  data_files: Pretrain-*.parquet\n  default: true\n---\n"
    files.write("README.md", config.encode())


def peak_mb() -> float:
    """Not ru_maxrss: a process inherits that of the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def part_read(folder: str, noise: bool) -> dict[str, float]:
    from unicorn_assets.training.dataset import ReleaseDataset
    from unicorn_assets.training.sampler import ReleaseSampler

    start = time.perf_counter()
    dataset = ReleaseDataset(folder, noise_cosine=0.7 if noise else None)
    dataset[0]
    opened = time.perf_counter() - start
    order = [index for index, _ in zip(ReleaseSampler(len(dataset)), range(SAMPLES), strict=False)]
    passes, checked = [], 0.0
    for _ in range(3):  # the first pass finds what is not in the page cache
        start, busy = time.perf_counter(), time.process_time()
        for index in order:
            checked += dataset[index]["vector"][0]
        passes.append((time.perf_counter() - start, time.process_time() - busy))
    assert np.isfinite(checked)
    wall, cpu = (min(each) / len(order) * 1e6 for each in zip(*passes, strict=True))
    return {"us": wall, "cpu_us": cpu, "open_s": opened, "peak_mb": peak_mb()}


def part_join(folder: str) -> dict[str, float]:
    """The first join by id sorts all ids."""
    from unicorn_assets.training.vectors import Vectors

    vectors = Vectors(Path(folder, "embeddings.safetensors"))
    names = [vectors.id_of(int(row)) for row in np.random.default_rng(1).integers(0, len(vectors), 20_000)]
    start = time.perf_counter()
    vectors.row_of(names[0])
    first = time.perf_counter() - start
    start = time.process_time()
    for name in names:
        vectors.vector(name)
    return {"first_s": first, "us": (time.process_time() - start) / len(names) * 1e6, "peak_mb": peak_mb()}


def part_stream(folder: str, kind: str, most: int) -> dict[str, float]:
    from datasets import load_dataset

    rows = load_dataset(folder, split="train", streaming=True).with_format(kind)
    seen, characters, total, start, busy = 0, 0, 0.0, time.perf_counter(), time.process_time()
    for part in rows.iter(batch_size=1000):
        if kind == "arrow":
            captions = part["caption"].to_pylist()
            vectors = part["vector"].combine_chunks().flatten().to_numpy().reshape(len(captions), -1)
        else:
            captions, vectors = part["caption"], part["vector"]
        characters += sum(map(len, captions))
        total += float(vectors[:, 0].sum())
        seen += len(captions)
        if seen >= most:
            break
    assert characters
    assert np.isfinite(total)
    wall, cpu = time.perf_counter() - start, time.process_time() - busy
    return {"rows_per_s": seen / wall, "cpu_s_per_1000": 1000 * cpu / seen, "rows": seen, "peak_mb": peak_mb()}


PARTS = {"read": part_read, "join": part_join, "stream": part_stream}


def alone(name: str, *arguments: Any) -> dict[str, Any]:
    say(f"{name} {' '.join(map(str, arguments[1:]))}")
    command = [sys.executable, __file__, "--part", name, json.dumps(arguments)]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, check=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=PAPER_ROWS)
    parser.add_argument("--dimension", type=int, default=PAPER_DIMENSION)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", nargs=2, metavar=("NAME", "ARGUMENTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        name, arguments = options.part
        print(json.dumps(PARTS[name](*json.loads(arguments))), flush=True)
        os._exit(0)  # a stream that was left before its end has threads, which an ordinary end can wait for without end
    folder = Path(tempfile.mkdtemp(prefix="reader-", dir=options.folder))
    try:
        start = time.perf_counter()
        make_release(folder, options.rows, options.dimension)
        made_s = time.perf_counter() - start
        size = sum(file.stat().st_size for file in folder.iterdir())
        place = str(folder)
        read, noisy, join = alone("read", place, False), alone("read", place, True), alone("join", place)
        figures = {
            "reader_us_per_sample": read["us"], "reader_cpu_us_per_sample": read["cpu_us"],
            "reader_rss_mb": read["peak_mb"], "reader_open_s": read["open_s"],
            "reader_noise_cpu_us_per_sample": noisy["cpu_us"],
            "reader_first_join_s": join["first_s"], "reader_join_cpu_us": join["us"],
            "reader_join_rss_mb": join["peak_mb"],
        }  # fmt: skip
        notes: dict[str, Any] = {
            "rows": options.rows, "dimension": options.dimension, "bytes": size, "made_s": made_s,
            "cores": os.cpu_count(), "load": os.getloadavg(),
        }  # fmt: skip
        if find_spec("datasets"):
            stream, numpy = (
                alone("stream", str(folder), "arrow", 400_000),
                alone("stream", str(folder), "numpy", 40_000),
            )
            figures |= {
                "hf_stream_rows_per_s": stream["rows_per_s"], "hf_stream_rss_mb": stream["peak_mb"],
                "hf_stream_cpu_s_per_1000": stream["cpu_s_per_1000"], "hf_numpy_rows_per_s": numpy["rows_per_s"],
            }  # fmt: skip
        else:
            notes["left_out"] = "hf_stream_rows_per_s: the package datasets is not installed"
    finally:
        if not options.keep:
            shutil.rmtree(folder)
    rounded = {name: round(value, 3) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"figures": rounded, "notes": notes}, indent=2))
    else:
        print("\n".join(f"{name:28} {value:,}" for name, value in rounded.items()))


if __name__ == "__main__":
    main()
