"""What one writes in an afternoon: asyncio, aiohttp, a fixed number of workers, SQLite as the journal.

It marks what the machine and the server allow. Answers are committed in groups of 64 without waiting for the disk.
"""

import asyncio
import hashlib
import json
import sqlite3
import time

import aiohttp
from common import flags, prompt_of, report


def prompt(row: int) -> dict[str, object]:
    messages = [{"role": "user", "content": prompt_of(row)}]
    return {"model": "bench", "messages": messages, "temperature": 0.7, "max_tokens": 200}


class Runner:
    def __init__(self, url: str, path: str) -> None:
        self.url = f"{url}/v1/chat/completions"
        self.db = sqlite3.connect(path)
        self.db.executescript(
            "pragma journal_mode=wal; pragma synchronous=normal;"
            "create table if not exists answers(key text primary key, answer text)"
        )
        self.known = {key for (key,) in self.db.execute("select key from answers")}
        self.group: list[tuple[str, str]] = []

    def save(self) -> None:
        with self.db:
            self.db.executemany("insert or replace into answers values (?, ?)", self.group)
        self.group.clear()

    async def worker(self, session: aiohttp.ClientSession, todo: list[tuple[str, dict[str, object]]]) -> None:
        while todo:
            key, body = todo.pop()
            for attempt in range(5):
                try:
                    async with session.post(self.url, json=body) as response:
                        response.raise_for_status()
                        answer = (await response.json())["choices"][0]["message"]["content"]
                    json.loads(answer)
                    self.group.append((key, answer))
                    break
                except (aiohttp.ClientError, ValueError, TimeoutError):
                    await asyncio.sleep(0.05 * 2**attempt)
            if len(self.group) >= 64:
                self.save()

    async def run(self, rows: int, in_flight: int) -> tuple[int, float]:
        started = time.perf_counter()
        todo = []
        for row in reversed(range(rows)):
            body = prompt(row)
            key = hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=16).hexdigest()
            if key not in self.known:
                todo.append((key, body))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(self.worker(session, todo) for _ in range(in_flight)))
        self.save()
        (done,) = self.db.execute("select count(*) from answers").fetchone()
        return done, time.perf_counter() - started


if __name__ == "__main__":
    o = flags().parse_args()
    report(*asyncio.run(Runner(o.url, f"{o.work}/answers.db").run(o.rows, o.in_flight)))
