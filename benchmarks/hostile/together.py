"""All modes, some side by side, each lane with a server and a nest of its own; then damage, a lake for 500 flips."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import flips as flipped
from damage import damage_a_lake
from modes import Mode, groups
from processes import Lane
from walk import Row, Walk

FLIPS_OF_A_LAKE = 500  # making and mending one takes as long as a hundred flips


def walk_all(modes: Sequence[Mode], folder: Path, lanes: int, flips: int) -> tuple[list[Row], dict[str, Any]]:
    """The rows of all modes in their order, and what damage at rest did."""
    waiting: SimpleQueue[list[Mode] | int] = SimpleQueue()
    for group in groups(modes):
        waiting.put(group)
    lakes = -(-flips // FLIPS_OF_A_LAKE)
    for number in range(lakes):
        waiting.put(number)
    rows: dict[str, Row] = {}
    damaged: list[dict[str, Any]] = []
    lanes = max(1, min(lanes, len(modes)))

    def work(number: int) -> None:
        own = folder / f"lane-{number}"
        own.mkdir(parents=True, exist_ok=True)
        with Lane(own) as lane:
            while True:
                try:
                    task = waiting.get_nowait()
                except Empty:
                    break
                if isinstance(task, int):
                    row, counts = damage_a_lake(lane, folder / f"damage-{task}", flips // lakes, task)
                    rows[row.mode] = row
                    damaged.append(counts)
                    continue
                done = Walk(task, lane, folder / task[0].name).go()
                rows.update({row.mode: row for row in done})
                print(
                    f"{len(rows)}/{len(modes)} {[row.mode for row in done if not row.good]}",
                    file=sys.stderr,
                    flush=True,
                )

    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(work, range(lanes)))
    order = [mode.name for mode in modes if mode.name in rows]
    return [rows[name] for name in [*order, *(name for name in rows if name not in order)]], flipped.together(damaged)
