"""The thread that writes a process's record and claims its part of the budget.

A claim is valid once it is written and all records together, read after that, stay within the budget. Two processes
that claim at the same time see each other, so at least one withdraws.
"""

import logging
import random
import threading
import time

from unicorn_assets.errors import UserError
from unicorn_assets.llm.settings import Price
from unicorn_assets.llm.spend.amount import Amount, capped, half, limit_of, times, within
from unicorn_assets.llm.spend.claim import Claim
from unicorn_assets.llm.spend.records import SpendRecords, total

log = logging.getLogger(__name__)

WRITE_EVERY_S = 1.0
AHEAD_S = 2.0
"""A claim covers what was used in about this time, beyond what is in flight."""
IDLE_S = 5.0
"""After so long without a request the unused part of a claim is given back."""
TRIES = 4
"""Attempts at a claim while another process, at work or ending, may give something back."""


class ClaimKeeper:
    """Keeps `claim` and its record among `records` in step, once it is started."""

    def __init__(self, claim: Claim, records: SpendRecords, price: Price | None) -> None:
        self._claim, self._records, self._price = claim, records, price
        self._ahead = Amount()  # the last step
        self._last_claim = 0.0
        self._closing = False
        self._thread: threading.Thread | None = None
        self.has_written = False

    def start(self) -> None:
        """Begin, if that has not happened yet."""
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._keep, name="spend records", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        with self._claim.lock:
            self._closing = True
            self._claim.lock.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _keep(self) -> None:
        claim = self._claim
        while True:
            with claim.lock:
                claim.lock.wait_for(lambda: self._closing or claim.wanted is not None, WRITE_EVERY_S)
                if self._closing:
                    return
                wanted, dirty = claim.wanted, claim.dirty
                idle = time.monotonic() - claim.last_change > IDLE_S and not claim.in_flight
                if idle and wanted is None and claim.granted != claim.used:
                    claim.granted = claim.low = claim.used
                    dirty = True
            try:
                if wanted is not None:
                    self._enlarge(wanted)
                elif dirty:
                    self._write(claim.granted)
                continue
            except UserError as error:
                problem = error
            except Exception as error:  # any storage may fail in its own way; its words are carried on
                problem = UserError(
                    f"the books of the lake cannot be kept: {error}",
                    "mend the storage and run again: nothing is lost",
                )
            with claim.lock:
                if claim.error is None:
                    log.warning("%s", problem.message)
                claim.error, claim.wanted = problem, None
            claim.answered()

    def _enlarge(self, wanted: Amount) -> None:
        """Enlarge the claim so that `wanted` and a little more fit, as far as all records leave room."""
        claim, budget = self._claim, self._claim.budget
        assert budget is not None
        now = time.monotonic()
        with claim.lock:
            need = claim.used + claim.reserved + wanted
            ahead, old, ago = times(wanted, claim.window), claim.granted, now - self._last_claim
            if ago < 4 * AHEAD_S:  # the last step did not last: a larger one
                ahead = ahead.largest(times(self._ahead, 2 if ago < AHEAD_S else 1))
        granted: Amount | None = None
        for attempt in range(TRIES):
            free = self._free()
            if within(need, free, budget):
                target = capped(need + ahead, free, budget).largest(old)
                self._write(target)
                if within(target, self._free(), budget):
                    granted = target
                    break
                self._write(old)  # somebody claimed at the same moment
            elif not self._others_alive():
                break
            with claim.lock:
                claim.lock.wait_for(lambda: self._closing, random.uniform(0.1, 0.3) * 2**attempt)
        with claim.lock:
            if granted is not None:
                claim.granted, claim.denied, self._ahead = granted, None, ahead
                # What others left no room for is not asked for again before it is needed.
                is_whole = within(need + ahead, granted, budget)
                claim.low = granted - half(ahead) if is_whole else granted
            else:
                claim.denied, claim.low = need, old
            claim.wanted, self._last_claim = None, time.monotonic()
        claim.answered()

    def _free(self) -> Amount:
        """What all others leave of the budget."""
        budget = self._claim.budget
        assert budget is not None
        others = [record for name, record in self._records.records().items() if name != self._claim.record.name]
        return limit_of(budget) - total(others, self._price)

    def _others_alive(self) -> bool:
        name, records = self._claim.record.name, self._records.records().values()
        return any(r.open and r.name != name and time.time() - r.at < 10 * WRITE_EVERY_S for r in records)

    def _write(self, claim: Amount) -> None:
        record = self._claim.to_write(claim)
        self.has_written = True
        self._records.write(record)
