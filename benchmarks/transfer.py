"""Figures of the transfer: speed and memory against the paper's script and against `cp`, exactness, encoding.

    python benchmarks/transfer.py --json [--only NAME ...] [--rows N] [--folder DIR]

Each timed part runs in a process of its own; memory is the peak resident set of that process. Needs 15 GB of disk at
the full size of 1,243,195 x 1280, which --rows scales down (the figures are then about that size). Page cache: every
timed part is preceded by reading its input once, for `cp` and for ours alike. Each pair is run --repeat times, one
after the other, and the ratio is the median of the pairs' ratios: a busy machine slows both.
"""

import argparse
import json
import os
import pickle
import shutil
import statistics as middle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
D = 1280
PAPER_ROWS = 1_243_195
SHARD = 4000


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def timed(command: list[str]) -> dict[str, float]:
    """Wall and processor seconds and peak MB of a process, from its own resource usage."""
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    wall = time.perf_counter() - start
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}


def corpus(folder: Path, rows: int) -> Path:
    """A folder of shards as the lake has them: fp16 unit rows with ids, no two rows alike, shards that differ."""
    from unicorn_assets.lake.store import encode_ids
    from unicorn_assets.vectors.output import vector_output

    folder.mkdir()
    random = np.random.default_rng(0)
    base = random.standard_normal((2 * SHARD, D), dtype=np.float32) * np.linspace(1.5, 0.5, D, dtype=np.float32) / 36
    cone = random.standard_normal(D, dtype=np.float32) / 60
    for number, first in enumerate(range(0, rows, SHARD)):
        n = min(SHARD, rows - first)
        block = base[random.permutation(2 * SHARD)[:n]] + np.roll(base[:n], number + 1, axis=1) / 3 + cone
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        ids = encode_ids([f"c{first + row:016x}" for row in range(n)])
        about = {"encoder": "synthetic", "revision": "1"}
        with vector_output(str(folder / f"web-{number:05d}.safetensors"), n, D, [ids], about) as output:
            output.put(0, block.astype(np.float16))
    return folder


def images(path: Path) -> Path:
    random = np.random.default_rng(1)
    rows = random.standard_normal((10_000, D), dtype=np.float32) * np.linspace(0.5, 1.5, D, dtype=np.float32) / 36
    rows -= random.standard_normal(D, dtype=np.float32) / 60
    np.save(path, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16))
    return path


def warm(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        file.read_bytes()


def ours(method: str, text: Path, pictures: Path, out: Path) -> list[str]:
    return [sys.executable, __file__, "--work", method, str(text), str(pictures), str(out)]


def work(method: str, text: str, pictures: str, out: str) -> None:
    """Fit and apply, file to file: what the timed process does."""
    from unicorn_assets.transfer.files import apply_files, fit_files

    apply_files(fit_files(method, 1, text, pictures), text, out)


def make(kind: str, place: str, rows: str) -> None:
    """Write what is timed later: in a process of its own, since a child's peak memory starts at its parent's."""
    text, pictures = corpus(Path(place) / f"{kind}-text", int(rows)), images(Path(place) / f"{kind}-images.npy")
    if kind != "script":
        return
    from unicorn_assets.vectors.files import read_vectors

    records = [
        {"id": name, "embed": row.tolist()}
        for file in sorted(text.iterdir())
        for chunk in read_vectors(str(file))
        for name, row in zip(chunk.ids or (), chunk.vectors.astype(np.float32), strict=True)
    ]
    with (Path(place) / "text.pkl").open("wb") as stream:
        pickle.dump(records, stream)
    records = [{"id": str(i), "embed": row.tolist()} for i, row in enumerate(np.load(pictures).astype(np.float32))]
    with (Path(place) / "images.pkl").open("wb") as stream:
        pickle.dump(records, stream)


def made(kind: str, place: Path, rows: int) -> tuple[Path, Path]:
    subprocess.run([sys.executable, __file__, "--make", kind, str(place), str(rows)], check=True)
    return place / f"{kind}-text", place / f"{kind}-images.npy"


def against_the_script(place: Path, repeat: int) -> dict[str, Any]:
    text, pictures = made("script", place, 100_000)
    script = [sys.executable, str(HERE / "transfer_baseline.py")]
    script += [str(place / name) for name in ("text.pkl", "images.pkl", "out.pkl")]
    theirs, mine = [], []
    for _ in range(repeat):
        theirs.append(timed(script))
        warm(text)
        mine.append(timed(ours("mean_shift", text, pictures, place / "out.safetensors")))
    pairs = list(zip(theirs, mine, strict=True))
    return {
        "mean_shift_speedup": middle.median(a["wall"] / b["wall"] for a, b in pairs),
        "mean_shift_memory_ratio": middle.median(a["peak_mb"] / b["peak_mb"] for a, b in pairs),
        "mean_shift_speedup_cpu": middle.median(a["cpu"] / b["cpu"] for a, b in pairs),
        "runs": {"script": theirs, "ours": mine},
    }


def against_cp(place: Path, rows: int, repeat: int) -> dict[str, Any]:
    text, pictures = made("cp", place, rows)
    copied, flushed, mine = [], [], []
    for _ in range(repeat):
        # Once unmeasured: a virtual machine may first have to ask its host for the memory that the copy is kept in.
        for runs in ([], copied):
            warm(text)
            (place / "copy").mkdir()
            runs.append(timed([str(shutil.which("cp")), "-r", str(text), str(place / "copy")]))
            files = [str(file) for file in (place / "copy").rglob("*") if file.is_file()]
            flush = timed([str(shutil.which("sync")), *files])
            shutil.rmtree(place / "copy")
        flushed.append(runs[-1]["wall"] + flush["wall"])
        warm(text)
        mine.append(timed(ours("realign", text, pictures, place / "moved.safetensors")))
        (place / "moved.safetensors").unlink()
    return {
        "realign_time_vs_cp": middle.median(b["wall"] / a["wall"] for a, b in zip(copied, mine, strict=True)),
        # `cp` ends in memory, ours on the disk.
        "realign_time_vs_cp_on_disk": middle.median(b["wall"] / a for a, b in zip(flushed, mine, strict=True)),
        "realign_peak_mb": max(run["peak_mb"] for run in mine),
        "realign_cpu_seconds": middle.median(run["cpu"] for run in mine),
        "runs": {"cp": copied, "cp_on_disk": flushed, "ours": mine, "rows": rows},
    }


def one_more_shard(place: Path) -> dict[str, Any]:
    """Vector files of a lake that are opened to fit on 301 shards when 300 were fitted before; the text's writer keeps
    no statistics here, so that the new shard must be read."""
    from unicorn_assets.lake.files import Files
    from unicorn_assets.lake.store import Lake, Made
    from unicorn_assets.transfer import fit
    from unicorn_assets.vectors.rows import Space
    from unicorn_assets.vectors.shard_statistics import corpus_statistics
    from unicorn_assets.vectors.statistics import Statistics

    lake, random, d = Lake(str(place / "lake")), np.random.default_rng(2), 64
    space, image = Space("synthetic", "1", d), Statistics(Space("synthetic", "1", d))
    image.add(random.normal(size=(2000, d)) + 0.5)

    def add(number: int) -> None:
        ids = [f"c{number}-{row}" for row in range(200)]
        lake.write_vectors("text_embeddings", f"web-{number:05d}", ids, random.normal(size=(200, d)) + 0.3, Made())

    opened: list[str] = []
    read = Files.read

    def counting(self: Files, name: str) -> bytes:
        opened.append(name)
        return read(self, name)

    Files.read = counting  # type: ignore[method-assign]
    try:
        for number in range(300):
            add(number)

        def move() -> None:
            shards = lake.vector_shards("text_embeddings")
            text = corpus_statistics(lake, "text_embeddings", shards, space)
            fit("realign", 2, image, list, space=space, text=text, over="sample")

        move()
        add(300)
        opened.clear()
        move()
    finally:
        Files.read = read  # type: ignore[method-assign]
    return {"shards_read_for_one_more": sum(name.startswith("vectors/") for name in opened)}


def exactness() -> dict[str, Any]:
    """Means and covariances of fp16 rows against sums in extended precision; bytes in any order of shards."""
    from unicorn_assets.vectors.rows import Space
    from unicorn_assets.vectors.statistics import Statistics

    random = np.random.default_rng(3)
    rows = (random.normal(size=(100_000, 256)) * np.linspace(0.2, 1.5, 256) + random.normal(size=256)).astype(
        np.float16
    )
    shards, space = np.array_split(rows, 25), Space("synthetic", "1", 256)
    long = rows.astype(np.longdouble)
    units = long / np.sqrt((long**2).sum(axis=1, keepdims=True))
    truth = units.mean(axis=0)
    parts = [Statistics(space, covariance=True).add(shard) for shard in shards]
    found = set()
    for _ in range(10):
        total = Statistics(space, covariance=True)
        for number in random.permutation(len(parts)):
            total.merge(parts[number])
        found.add(total.to_bytes())
    centred = (units - truth).astype(np.float64)
    spread = centred.T @ centred / len(rows)
    assert total.covariance is not None
    errors = (
        float(np.linalg.norm(total.mean - truth) / np.linalg.norm(truth)),
        float(np.linalg.norm(total.covariance - spread) / np.linalg.norm(spread)),
    )
    return {"statistics_relative_error": max(errors), "merge_identical": len(found) == 1}


def encoding(repeat: int) -> dict[str, Any]:
    """Captions of mixed length through a random ViT-B-32 text tower: ours, and open_clip's own way in batches of 32."""
    import open_clip
    import torch

    from unicorn_assets.encoders.open_clip_encoder import OpenClipEncoder

    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-32", pretrained=None).eval()
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    random = np.random.default_rng(4)
    words = "a red kite glides over the wet green meadow while people wait beside a tram"
    captions = [" ".join(random.choice(words.split(), n)) for n in random.integers(4, 74, 160)]
    encoder = OpenClipEncoder(model, tokenizer, ("random", "0"))

    def plain() -> np.ndarray:
        found = []
        with torch.inference_mode():
            for first in range(0, len(captions), 32):
                tokens = tokenizer(captions[first : first + 32])
                found.append(model.encode_text(tokens, normalize=True).numpy())
        return np.concatenate(found)

    ratios = []
    difference = 0.0
    for _ in range(repeat):
        start = time.perf_counter()
        theirs = plain()
        between = time.perf_counter()
        mine = encoder.encode_texts(captions)
        ratios.append((between - start) / (time.perf_counter() - between))
        difference = max(difference, float(np.abs(theirs - mine).max()))
    return {"encode_speedup": middle.median(ratios), "encode_largest_difference": difference, "encode_runs": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--only", nargs="*", help="script, cp, shards, exactness, encoding [all]")
    parser.add_argument("--rows", type=int, default=PAPER_ROWS, help="of the corpus that is compared with cp")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work [a temporary folder]")
    parser.add_argument("--work", nargs=4, metavar=("METHOD", "TEXT", "IMAGES", "OUT"), help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=3, metavar=("KIND", "PLACE", "ROWS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        return make(*given.make)
    if given.work:
        return work(*given.work)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        place = Path(folder)
        parts = {
            "script": lambda: against_the_script(place, given.repeat),
            "cp": lambda: against_cp(place, given.rows, given.repeat),
            "shards": lambda: one_more_shard(place),
            "exactness": exactness,
            "encoding": lambda: encoding(given.repeat),
        }
        for name, part in parts.items():
            if not given.only or name in given.only:
                say(name)
                figures |= {(key if key != "runs" else f"{name}_runs"): value for key, value in part().items()}
    print(
        json.dumps({"figures": figures}, indent=2) if given.json else "\n".join(f"{k}: {v}" for k, v in figures.items())
    )
    return None


if __name__ == "__main__":
    main()
