"""A finished lake that is damaged: each bit on its own, then several files at once, which a run must mend."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from flips import FOLDERS
from modes import Mode
from processes import HERE, Lane
from verdicts import faults_of_release
from walk import GOOD, Row, Walk

AT_ONCE = 6


def damage_a_lake(lane: Lane, folder: Path, flips: int, seed: int) -> tuple[Row, dict[str, Any]]:
    """What was found when mending, and the counts of the flips."""
    walk = Walk([Mode("damage", "good", seeds=6, runs=True)], lane, folder)
    walk.keep = True
    (row,) = walk.go()
    told = subprocess.run(
        [sys.executable, str(HERE / "flips.py"), str(walk.home), str(flips), str(seed)],
        capture_output=True,
        text=True,
        timeout=3000,
    )
    counts: dict[str, Any] = (
        json.loads(told.stdout) if told.returncode == 0 else {"silent": [told.stderr[-400:]], "silent_changes": 1}
    )
    if counts:
        row.mode = f"damage-{seed}"
        mend(walk, seed)
    return row, counts


def mend(walk: Walk, seed: int) -> None:
    """Flip a bit in several files and leave them so: found, set aside, made again, and the same release as before."""
    rng, lake = random.Random(seed), walk.home / "lake"
    files = sorted(file for name in FOLDERS[:3] for file in (lake / name).rglob("*") if file.is_file())
    for file in rng.sample(files, AT_ONCE):
        data = bytearray(file.read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(data)
    codes = [
        walk.command(GOOD, *arguments).code
        for arguments in (
            ("status", "--json"),
            ("verify",),
            ("verify", "--repair"),
            ("run", "--recipe", "recipe.yaml"),
            ("verify",),
        )
    ]
    if codes != [0, 1, 1, 0, 0]:
        walk.row.poisoned.append(f"status, verify, verify --repair, run, verify end with {codes}")
    walk.row.poisoned += faults_of_release(lake, walk.seeds)
