"""What every process that asked the LLM of a lake has spent, as small JSON records.

One record per process (`ledger/spend/<name>.json`), replaced whole. A record of a process that was killed stays as it
was last written, with its claim. Closed records are merged when there are many: a merged file lists them one by one, so
that reading is a union by name and two merges at the same time do no harm. Here: records and their sum. Not here: who
may spend (budget.py).
"""

import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

from unicorn_assets.errors import UserError
from unicorn_assets.llm.settings import Price
from unicorn_assets.llm.spend.amount import Amount
from unicorn_assets.llm.spend.ledger import cost_usd
from unicorn_assets.seals import open_json, seal_json

FOLDER = "ledger/spend"
OWN = "ledger/own"
"""Folders of this kind of budget, by its name, with records like those of FOLDER."""
MERGED = "merged-"
MERGE_AT = 48
"""Closed records that are worth a merge."""


class Storage(Protocol):
    """Where records lie; the lake's files are one."""

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Names of the files in `folder`."""

    def read(self, name: str) -> bytes:
        """The whole file; FileNotFoundError when it is gone."""

    def write(self, name: str, data: bytes) -> None:
        """Replace a file whole."""

    def remove(self, name: str) -> None:
        """Remove a file; no error when it is gone."""


@dataclass(slots=True)
class Record:
    """What one process has spent. `lost`: requests that a server may have worked on although no answer came, with
    their worst case. `claim`: what the process may have spent at most when it is killed now. `cost_usd` is None when
    the recipe had no price.
    """

    name: str
    started: float = 0.0  # Unix time, s
    at: float = 0.0  # of the last change
    open: bool = True
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
    lost: Amount = field(default_factory=Amount)
    claim: Amount = field(default_factory=Amount)
    making: list[dict[str, Any]] | None = None  # the shards it is at: columns of the table `ledger`

    @property
    def spent(self) -> Amount:
        """What the answers cost, as the servers counted."""
        return Amount(self.calls, self.prompt_tokens + self.completion_tokens, self.cost_usd or 0.0)

    @property
    def uncertain(self) -> Amount:
        """What counts beyond the answers' own figures: requests without an answer or usage, and an open claim."""
        return self.lost.largest(self.claim - self.spent)

    def counted(self, price: Price | None) -> Amount:
        """What counts against a budget; answers from before the recipe had a price cost what they would cost now."""
        spent = self.spent
        if self.cost_usd is None and price is not None:
            usd = cost_usd(price, self.prompt_tokens, self.cached_tokens, self.completion_tokens)
            spent = Amount(spent.calls, spent.tokens, usd)
        return (spent + self.lost).largest(self.claim)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "Record":
        """The inverse of to_json."""
        return cls(**{**plain, "lost": Amount(**plain["lost"]), "claim": Amount(**plain["claim"])})


_FIELDS = tuple(each.name for each in fields(Record))


class SpendRecords:
    """All records in a folder of a storage. Records that are closed never change, so they are read once."""

    def __init__(self, storage: Storage, folder: str = FOLDER) -> None:
        self._storage, self._folder = storage, folder
        self._closed: dict[str, tuple[Record, ...]] = {}

    def write(self, record: Record) -> None:
        """Replace the record of a process."""
        self._storage.write(f"{self._folder}/{record.name}.json", seal_json(record.to_json()))

    def records(self) -> dict[str, Record]:
        """All records by name, as they are now."""
        for _ in range(5):  # a file that vanished was merged: look again
            try:
                return self._read()
            except FileNotFoundError:
                time.sleep(0.05)
        return self._read()

    def _read(self) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for name in self._storage.names(self._folder, ".json"):
            for record in self._closed.get(name) or self._file(name):
                known = found.get(record.name)
                if known is None or record.at > known.at:
                    found[record.name] = record
        return found

    def _file(self, name: str) -> tuple[Record, ...]:
        try:
            records = read_records(name, self._storage.read(f"{self._folder}/{name}"))
        except (ValueError, IsADirectoryError) as error:
            raise UserError(
                f"{self._folder}/{name} in the lake cannot be read: {error}",
                "it says what a run has spent: bring it back from a copy; or `unicorn verify --repair` sets it aside, "
                "and the budget forgets that run",
            ) from None
        if not any(record.open for record in records):
            self._closed[name] = records
        return records

    def merge(self) -> None:
        """Put closed records into one file when there are many."""
        names = self._storage.names(self._folder, ".json")
        records = self.records()
        closed = [record for record in records.values() if not record.open]
        single = {f"{record.name}.json" for record in closed} & set(names)
        if len(single) < MERGE_AT:
            return
        merged = seal_json({"records": [record.to_json() for record in closed]})
        self._storage.write(f"{self._folder}/{MERGED}{new_name()}.json", merged)
        # Only now, and only what the new file holds: merged files that were there before, and single records.
        for name in [*single, *(name for name in names if name.startswith(MERGED))]:
            self._storage.remove(f"{self._folder}/{name}")


def read_records(name: str, data: bytes) -> tuple[Record, ...]:
    """The records of a file called `name`; ValueError when a bit of it was changed."""
    try:
        if name.startswith(MERGED):
            return tuple(Record.from_json(entry) for entry in open_json(data, ("records",))["records"])
        return (Record.from_json(open_json(data, _FIELDS)),)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__} {error}") from None


def new_name() -> str:
    """A name that no other process uses; names sort by time."""
    return f"{time.time_ns():020d}-{secrets.token_hex(4)}"


def total(records: Iterable[Record], price: Price | None) -> Amount:
    """What counts against a budget, over all records."""
    amount = Amount()
    for record in records:
        amount += record.counted(price)
    return amount
