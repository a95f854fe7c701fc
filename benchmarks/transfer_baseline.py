"""The Unicorn paper's mean shift, rebuilt from its description: the yardstick of transfer.py, not a way to work.

    python benchmarks/transfer_baseline.py TEXT.pkl IMAGES.pkl OUT.pkl

Each file is one pickled list of dicts with an id and a list of numbers. Each mean is a Python loop in float32 over the
whole list; the texts are then loaded again, and each one loses the text mean. Like the original, rows are not made unit
length.
"""

import pickle
import sys
from pathlib import Path

import numpy as np


def load(path: str) -> list[dict]:
    with Path(path).open("rb") as file:
        return pickle.load(file)  # only ever given files that transfer.py has just written


def mean_of(path: str) -> np.ndarray:
    total, count = None, 0
    for record in load(path):
        vector = np.array(record["embed"], dtype=np.float32)
        total = vector if total is None else total + vector
        count += 1
    return total / count


def main(text: str, images: str, out: str) -> None:
    text_mean = mean_of(text)
    image_mean = mean_of(images)
    moved = []
    for record in load(text):
        vector = np.array(record["embed"], dtype=np.float32) - text_mean
        moved.append({"id": record["id"], "embed": vector.tolist()})
    with Path(out).open("wb") as file:
        pickle.dump(moved, file)
    with Path(out + ".mean").open("wb") as file:
        pickle.dump(image_mean.tolist(), file)


if __name__ == "__main__":
    main(*sys.argv[1:4])
