"""How full the servers' window is while shards are made: requests in flight over the window, as the server sees them.

Shards of 500 rows of three tasks, 256 in flight, answers of log-normal latency (sigma 0.8, median 1 s): a few take far
longer than most. Shards are made side by side, as a step of the graph makes them, and one by one beside it.
`window_fill` is the mean from the first answer to the moment when the last row has been asked, all tasks after each
other, as steps are, so that the end of each task but the last counts; `window_fill_of_a_task` is one task's alone.

    python benchmarks/window_fill.py [--json] [--shards 12]
"""

import argparse
import asyncio
import json
import math
import random
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from unicorn_assets.generation.asking import Asker
from unicorn_assets.generation.side_by_side import Result, Unit, one_by_one, side_by_side
from unicorn_assets.ids import seed_of
from unicorn_assets.lake.files import Files
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import unheard
from unicorn_assets.llm.settings import LlmSettings, Sampling
from unicorn_assets.llm.spend.ledger import ShardRun
from unicorn_assets_tests.loopback import Served

ROWS, WINDOW, SIGMA, MEDIAN_S = 500, 256, 0.8, 1.0
TASKS = ("multiple_choice", "question_answering", "complex_reasoning")
SAMPLING = Sampling(max_tokens=64)


class Slow(Served):
    """Answers after a log-normal time and sums requests in flight over time, until `asked` requests have come."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self.left, self.in_flight = asked, 0
        self.area, self.begun, self.ended, self._at = 0.0, 0.0, 0.0, 0.0
        self._random = random.Random(5)

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/v1/chat/completions", self._answer), web.get("/v1/models", self._models)])
        return app

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "slow"}]})

    def _move(self, by: int) -> None:
        now = time.perf_counter()
        if self.begun and not self.ended:
            self.area += self.in_flight * (now - self._at)
        self._at = now
        self.in_flight += by

    async def _answer(self, _: web.Request) -> web.Response:
        self._move(1)
        self.left -= 1
        if not self.left:
            self.ended = time.perf_counter()
        await asyncio.sleep(MEDIAN_S * math.exp(SIGMA * self._random.gauss(0, 1)))
        self._move(-1)
        self.begun = self.begun or time.perf_counter()
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A boat."}}
        usage = {"prompt_tokens": 9, "completion_tokens": 3}
        return web.json_response({"choices": [choice], "usage": usage})

    @property
    def fill(self) -> float:
        """Mean share of the window."""
        return self.area / (self.ended - self.begun) / WINDOW


class Row:
    """One question; any answer is good."""

    def __init__(self, task: str, shard: str, number: int) -> None:
        self.row_id = f"{task} {shard} {number}"

    def request(self, draft: int, problem: str | None) -> ChatRequest:  # noqa: ARG002
        return ChatRequest(({"role": "user", "content": self.row_id},), SAMPLING, seed_of(self.row_id, draft))

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> str:  # noqa: ARG002
        return text


Each = Callable[[Asker, Sequence[Unit], Callable[[Unit], int]], Any]


def fill(shards: int, steps: Sequence[Sequence[str]], each: Each) -> float:
    """Share of the window that is in flight while the shards of each step's tasks are made, step by step."""
    slow = Slow(sum(map(len, steps)) * shards * ROWS)
    with slow:
        settings = LlmSettings(endpoint="url", model="slow", url=slow.url, concurrency=WINDOW, timeout_s=60)
        for tasks in steps:
            with (
                tempfile.TemporaryDirectory(prefix="unicorn-window-") as lake,
                Asker(settings, lake, Files(str(Path(lake)))) as asker,
            ):
                units = [(task, f"{number:05}") for number in range(shards) for task in tasks]

                def work(unit: Unit, asker: Asker = asker, units: Sequence[Unit] = units) -> int:
                    ask, _ = asker.asking(lambda _: None, ShardRun(*unit), units.index(unit))
                    return len(list(ask([Row(*unit, number) for number in range(ROWS)])))

                made = {unit: result() for unit, result in each(asker, units, work)}
            if set(made.values()) != {ROWS}:
                raise RuntimeError(f"{made} instead of {ROWS} rows in each shard")
    return slow.fill


def _alone(_: Asker, units: Sequence[Unit], work: Callable[[Unit], int]) -> Generator[tuple[Unit, Result[int]]]:
    return one_by_one(units, work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--shards", type=int, default=12)
    options = parser.parse_args()
    figures = {
        "window_fill": round(fill(options.shards, [TASKS], side_by_side), 3),
        "window_fill_step_by_step": round(fill(options.shards, [[task] for task in TASKS], side_by_side), 3),
        "window_fill_one_by_one": round(fill(options.shards, [TASKS], _alone), 3),
    }
    print(json.dumps({"figures": figures}) if options.json else "\n".join(f"{k:<24} {v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
