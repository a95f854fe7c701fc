"""All modes, some side by side, each lane with a server and a nest of its own."""

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


def walk_all(modes: Sequence[Mode], folder: Path, lanes: int, flips: int) -> tuple[list[Row], dict[str, Any]]:
    """The rows of all modes in their order, and what damage at rest did."""
    waiting: SimpleQueue[list[Mode]] = SimpleQueue()
    for group in groups(modes):
        waiting.put(group)
    rows: dict[str, Row] = {}
    damaged: list[dict[str, Any]] = []
    lanes = max(1, min(lanes, len(modes)))

    def work(number: int) -> None:
        own = folder / f"lane-{number}"
        own.mkdir(parents=True, exist_ok=True)
        with Lane(own) as lane:
            while True:
                try:
                    group = waiting.get_nowait()
                except Empty:
                    break
                done = Walk(group, lane, folder / group[0].name).go()
                rows.update({row.mode: row for row in done})
                print(
                    f"{len(rows)}/{len(modes)} {[row.mode for row in done if not row.good]}",
                    file=sys.stderr,
                    flush=True,
                )
            if flips:
                row, counts = damage_a_lake(lane, folder / f"damage-{number}", flips // lanes, number)
                rows[row.mode] = row
                damaged.append(counts)

    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(work, range(lanes)))
    order = [mode.name for mode in modes if mode.name in rows]
    return [rows[name] for name in [*order, *(name for name in rows if name not in order)]], flipped.together(damaged)
