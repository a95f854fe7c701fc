"""The scripted LLM as a process that may be killed: it writes down each question when it comes, and that it answered.

    python written_llm.py PORT FILE LATENCY_S

Not here: what it says (unicorn_assets_tests/plan/server.py).
"""

import asyncio
import os
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from unicorn_assets.ids import digest
from unicorn_assets_tests.plan.server import Scripted


class Written(Scripted):
    """`file` gets a line for each question, `+` and what it is, and a line `-` for each answer."""

    def __init__(self, port: int, file: Path, latency: float) -> None:
        super().__init__(latency)
        self.port = port
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(self._file, b"0\n")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        asked = digest([body["messages"], body["seed"]])
        os.write(self._file, f"+{asked}\n".encode())
        await asyncio.sleep(self.latency)
        answer = await super()._chat(request)
        os.write(self._file, f"-{asked}\n".encode())
        return answer


@dataclass(frozen=True)
class Asked:
    """How often each question came, and how many are being answered now."""

    times: Counter[str]
    in_flight: int

    @property
    def calls(self) -> int:
        return self.times.total()

    @property
    def again(self) -> int:
        return sum(count - 1 for count in self.times.values())


def asked(file: Path) -> Asked:
    """What the server has written down; the line 0 is its start, before which nothing is in flight any more."""
    times, flying = Counter[str](), set[str]()
    for line in file.read_text().splitlines() if file.exists() else ():
        if line == "0":
            flying.clear()
        elif line[0] == "+":
            times[line[1:]] += 1
            flying.add(line[1:])
        else:
            flying.discard(line[1:])
    return Asked(times, len(flying))


if __name__ == "__main__":
    with Written(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])):
        threading.Event().wait()
