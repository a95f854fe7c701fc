"""Answers of every condition and seed, each kept as soon as it is there, so that a run that was ended goes on.

Not here: making data (releases.py), the model (model.py), what answers say (figures.py).
"""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from tools.proof.questions import Question
from tools.proof.releases import write
from tools.proof.size import CONDITIONS, Size
from tools.proof.vectors import Material, Rows, material


@dataclass(frozen=True)
class Job:
    """One condition and seed, and where everything lies that it needs."""

    name: str  # of its answer's file
    size: Size
    condition: str
    seed: int
    llm: Path
    release: Path
    records: Mapping[str, str]  # captions by id
    questions: Sequence[Question]
    asked: Rows
    others: Sequence[list[Rows]]

    def material(self) -> Material:
        """What it trains on and is asked with."""
        return material(CONDITIONS[self.condition], self.release, self.records, self.asked, self.others, self.seed)


def answer(job: Job) -> dict[str, Any]:
    """Train, ask, and tell for each question whether the answer was right: by gain, by plain likelihood, by the
    captions alone.
    """
    import torch

    from tools.proof.model import Reader, gains, right, train

    torch.set_num_threads(1)  # more wait for each other in small layers; processes side by side do not
    torch.set_float32_matmul_precision("high")  # a GPU's TF32; nothing on a CPU
    began, worked = time.monotonic(), time.process_time()
    found, size = job.material(), job.size
    device = "cuda" if torch.cuda.is_available() else "cpu"
    llm, tokenizer = _loaded(job.llm)
    reader = Reader(llm, tokenizer, found.asked.shape[1], job.seed, device)
    losses: list[float] = []
    first = 0
    stages = zip(("projector", "all"), size.epochs, size.rates, size.batch, strict=True)
    for part, epochs, rate, batch in stages:
        steps = train(
            reader, found.captions, found.vectors, part=part, epochs=epochs, first_epoch=first, rate=rate, batch=batch,
            seed=job.seed,
        )  # fmt: skip
        losses.append(float(np.mean(list(steps)[-20:])))
        first += epochs
        _say(f"{job.name}: {part} trained, loss {losses[-1]:.3f}, {time.monotonic() - began:.0f} s")
    gained, prior = gains(reader, found.asked, [question.captions for question in job.questions])
    return {
        "right": right(gained).tolist(), "by_likelihood": right(gained + prior).tolist(),
        "by_captions": right(prior).tolist(), "losses": losses,
        "seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - worked,
    }  # fmt: skip


def answers(jobs: Sequence[Job], folder: Path, workers: int) -> dict[str, dict[str, Any]]:
    """By the jobs' names, from `folder` where they are there; `workers` processes make the others, in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [job for job in jobs if not _file(folder, job).is_file()]
    _say(f"{len(jobs) - len(missing)} of {len(jobs)} answers are there")
    if workers == 1:
        for job in missing:
            _answered(job, folder)
    elif missing:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for done in as_completed([pool.submit(_answered, job, folder) for job in missing]):
                done.result()
    return {job.name: json.loads(_file(folder, job).read_text(encoding="utf-8")) for job in jobs}


def _answered(job: Job, folder: Path) -> None:
    found = answer(job)
    write(_file(folder, job), json.dumps(found))
    _say(f"{job.name}: {100 * np.mean(found['right']):.1f} % right after {found['seconds']:.0f} s")


def _file(folder: Path, job: Job) -> Path:
    return folder / f"{job.name}.json"


@cache
def _loaded(folder: Path) -> tuple[Any, Any]:
    """The LLM in float32 and its tokenizer, once in a process."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), AutoTokenizer.from_pretrained(folder)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)
