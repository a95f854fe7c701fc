"""One round of stress: rows through the real engine and journal against faulty_llm.py, in a thread that is watched.

A round ends well when each row has exactly one outcome, or when the run ends with an error in words. Every second round
the caller leaves in the middle and a second run over the same journal finishes the work; after that a run without any
server must find all accepted rows in the journal.
"""

import random
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from unicorn_assets.errors import UserError
from unicorn_assets.generation.structured import parse, schema_of
from unicorn_assets.ids import seed_of
from unicorn_assets.llm.client.drafting import Refusal, judge
from unicorn_assets.llm.client.engine import generate
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Accepted, Rejected, unheard
from unicorn_assets.llm.settings import LlmSettings, Sampling


class Caption(BaseModel):
    model_config = ConfigDict(extra="forbid")

    caption: str
    score: int


SAMPLING, SCHEMA = Sampling(max_tokens=50), schema_of(Caption)


class Row:
    """Every seventh row refuses its first good answer; rows of the same `number` share one question."""

    def __init__(self, number: int, at: int, round_number: int) -> None:
        self.number, self.row_id, self.round = number, f"row-{at}", round_number
        self.refusals = number % 7 == 0

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        content = f"Write. {problem or ''} <stress {self.round} {self.number}>"
        return ChatRequest(({"role": "user", "content": content},), SAMPLING, seed_of(self.number, draft), SCHEMA)

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> Caption:
        value = parse(text, Caption, on_repair).value
        if self.refusals:
            self.refusals = False
            raise Rejected("unlucky", "try again")
        return value


class Round:
    """`number` decides everything; `bound` in seconds is what a healthy round never needs."""

    def __init__(self, number: int, seed: int, url: str, bound: float, most_rows: int = 500) -> None:
        chance = random.Random(f"round {seed} {number}")
        self.number, self.bound = number, bound
        self.in_flight = chance.choice([64, 128, 256, 512, 1024])
        self.rows = chance.randint(1, most_rows)
        self.twins = chance.choice([1, 1, 1, 3])
        self.leaves_after = chance.randint(0, self.rows) if number % 2 else None
        self.store = "memory" if chance.random() < 0.15 else "disk"
        self.settings = LlmSettings(
            endpoint="url", model="stress", url=url, concurrency=self.in_flight, timeout_s=0.5, patience_s=8.0,
            max_attempts=5,
        )  # fmt: skip

    def run(self) -> dict[str, Any]:
        """The round's report: `state` is "done", "ended in words", "hang", "lost rows" or "raised"."""
        self.report: dict[str, Any] = {"round": self.number, "state": "hang", "rows": self.rows}
        thread = threading.Thread(target=self._guarded, daemon=True)
        started = time.monotonic()
        thread.start()
        thread.join(self.bound)
        if thread.is_alive():
            frame = sys._current_frames()[thread.ident or 0]
            self.report["at"] = traceback.format_stack(frame)[-3:]
        return self.report | {"seconds": round(time.monotonic() - started, 3)}

    def _guarded(self) -> None:
        folder = tempfile.mkdtemp(prefix="stress-")
        try:
            self._twice(f"memory://stress-{self.number}" if self.store == "memory" else folder)
        except Exception:
            self.report |= {"state": "raised", "error": traceback.format_exc()[-2000:]}
        finally:
            shutil.rmtree(Path(folder), ignore_errors=True)

    def _twice(self, lake: str) -> None:
        accepted = set()
        if self.leaves_after is not None:
            accepted = self._once(lake, self.leaves_after)
        words = self._once(lake, None)
        if isinstance(words, str):
            self.report |= {"state": "ended in words", "error": words}
            return
        again = self._from_journal(lake)
        lost = (accepted | words) - again if isinstance(accepted, set) else words - again
        self.report |= {"state": "lost rows", "lost": sorted(lost)[:5]} if lost else {"state": "done"}

    def _work(self) -> list[Row]:
        return [Row(at // self.twins, at, self.number) for at in range(self.rows)]

    def _once(self, lake: str, leave_after: int | None) -> set[str] | str:
        """Ids of accepted rows, or the words that ended the run; raises when a row has not exactly one outcome."""
        seen, accepted = Counter[str](), set()
        try:
            with Journal.open(lake) as journal, open_endpoint(self.settings) as endpoint:
                outcomes = generate(self._work(), endpoint, journal, self.settings)
                for outcome in outcomes:
                    seen[outcome.row_id] += 1
                    if isinstance(outcome, Accepted):
                        accepted.add(outcome.row_id)
                    if leave_after is not None and seen.total() >= leave_after:
                        outcomes.close()
                        return accepted
        except UserError as error:
            return error.message
        if seen != Counter(f"row-{at}" for at in range(self.rows)):
            raise AssertionError(f"outcomes of {len(seen)} of {self.rows} rows: {seen.most_common(3)}")
        return accepted

    def _from_journal(self, lake: str) -> set[str]:
        """Rows that the journal alone answers: each draft's answer is there."""
        found = set()
        with Journal.open(lake) as journal:
            for row in self._work():
                problem, tokens = None, 0
                for draft in range(self.settings.max_drafts):
                    answer = journal.get(row.request(draft, problem).key("stress", self.settings.revision or ""))
                    if answer is None:
                        break
                    tokens += answer.completion_tokens
                    verdict = judge(row, answer, draft, tokens, self.settings)
                    if not isinstance(verdict, Refusal):
                        found.add(row.row_id)
                        break
                    problem = verdict.problem
        return found
