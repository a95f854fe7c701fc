"""All rows of all sources as two tables: candidates with ids, and refused rows with reasons.

Rows are read one after the other and packed into columns every few thousand, so Python objects never pile up.
Not here: duplicates and shards, which need all rows (catalog.py).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice

import polars as pl

from unicorn_assets.errors import UserError
from unicorn_assets.ids import content_id
from unicorn_assets.lake.quarantine_rows import MOST_RAW, quarantine_rows
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.recipe import Recipe, SeedGates, Source
from unicorn_assets.seeds.listing import File, list_files
from unicorn_assets.seeds.normalise import damage, escaped, normalise, printable
from unicorn_assets.seeds.plain import chat_mark, says_nothing, without_markup
from unicorn_assets.seeds.readers import read_file, read_source, shown_file
from unicorn_assets.seeds.rows import Fault, Row
from unicorn_assets.seeds.sources import UnreachableError

STAGE = "seed_catalog"
BATCH_ROWS = 10_000
MAX_SPARE = 50
"""So many times seeds.max_chars a text may have before markup and white space are taken out of it."""
MAX_VALUE_CHARS = 1000
"""Of a domain or a label; the rest of a longer one is left out."""


class Intake:
    """Collects what the sources hold. `counts`: per source, rows read, seeds, and refused rows by reason."""

    def __init__(self, gates: SeedGates, on_progress: Callable[[int], None] | None) -> None:
        self.gates = gates
        self._no_text = frozenset(normalise(word).casefold() for word in gates.no_text)
        self.counts: dict[str, Counter[str]] = {}
        self.at = datetime.now(UTC)
        self._on_progress = on_progress or (lambda _: None)
        self._seeds: list[pl.DataFrame] = []
        self._refused: list[pl.DataFrame] = []

    def take(self, recipe: Recipe, source: Source, known: Mapping[str, int] | None = None) -> None:
        """Read one source to its end. A source without any usable row is a UserError, and so is a file of a folder that
        can no longer be used: `known` says how many seeds of the catalog each file has. A new one is refused whole.
        """
        count = self.counts[source.name] = Counter()
        first = _First()
        listing = None if source.path is None else list_files(recipe, source)
        if listing is None or listing.is_one:
            self._read(read_source(recipe, source), source, shown_file(source), first)
        else:
            for file in listing.files:
                room = None if source.max_rows is None else source.max_rows - count["read"]
                if room is None or room > 0:
                    rows = islice(_whole(source, file), room)
                    self._take_file(source, file.shown, rows, (known or {}).get(file.shown, 0), first)
        if not count["seeds"]:
            raise _nothing_usable(source, count, first)

    def _take_file(
        self, source: Source, file: str, rows: Iterator[Row | Fault], known: int, first: "_First"
    ) -> None:  # fmt: skip
        """One file of a folder: all of it, or nothing."""
        count = self.counts[source.name]
        before, seeds, refused = dict(count), len(self._seeds), len(self._refused)
        try:
            self._read(rows, source, file, first)
            if known and count["seeds"] == before.get("seeds", 0):
                raise UserError(f"{file}: none of its rows can be used", "look at what it holds now")
        except UnreachableError:
            raise
        except UserError as error:
            what = str(error).splitlines()[0].removeprefix(f"{file}: ")
            if known:
                raise UserError(
                    f"{file}: {what}; {known:,} seeds of the catalog are of this file",
                    "mend it, or remove it: then its seeds go",
                ) from None
            count.clear()
            count.update(before)
            del self._seeds[seeds:], self._refused[refused:]
            fault = Fault(0, "unusable_file", what, "")
            first.note(file, fault)
            self._pack(source, file, [], [fault])

    def _read(self, rows: Iterable[Row | Fault], source: Source, file: str, first: "_First") -> None:
        good: list[Row] = []
        bad: list[Fault] = []
        for row in rows:
            checked = row if isinstance(row, Fault) else self._check(row, source)
            if isinstance(checked, Fault):
                bad.append(checked)
                first.note(file, checked)
            else:
                good.append(checked)
            if len(good) + len(bad) >= BATCH_ROWS:
                self._pack(source, file, good, bad)
        self._pack(source, file, good, bad)

    def tables(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Candidates (columns of `seeds`) and refused rows (columns of `quarantine`), in order of reading."""
        seeds = pl.concat([pl.DataFrame(schema=polars_schema("seeds")), *self._seeds])
        return seeds, pl.concat([pl.DataFrame(schema=polars_schema("quarantine")), *self._refused])

    def _check(self, row: Row, source: Source) -> Row | Fault:
        """The row with normalised values, or why it is refused."""
        number, raw, domain, label = row
        if len(raw) > MAX_SPARE * self.gates.max_chars:
            return Fault(number, "too_long", f"{len(raw):,} characters, at most {self.gates.max_chars:,}", raw)
        if lost := damage(raw):
            return Fault(number, "undecodable", lost, raw)
        bare = without_markup(raw)
        if bare is None:
            return Fault(number, "markup", "entities or tags in more layers than anybody writes", raw)
        if bare is not raw and (lost := damage(bare)):
            return Fault(number, "undecodable", f"after decoding its entities: {lost}", raw)
        text = normalise(bare)
        if not text:
            return Fault(number, "blank", "the text is empty", raw)
        if mark := chat_mark(text):
            return Fault(number, "markup", f"{mark} is a mark of chat templates", raw)
        # Of a text made from a template the label is what was read.
        if says_nothing(normalise(label) if source.labels and label else text, self._no_text):
            return Fault(number, "no_text", "stands for nothing, or is punctuation alone (seeds.no_text)", raw)
        if len(text) < self.gates.min_chars:
            return Fault(number, "too_short", f"{len(text)} characters, at least {self.gates.min_chars}", raw)
        if len(text) > self.gates.max_chars:
            return Fault(number, "too_long", f"{len(text):,} characters, at most {self.gates.max_chars:,}", raw)
        domain = domain and _tidy(domain)
        label = label and _tidy(label)
        return Row(number, text, domain or source.domain, label or None)

    def _pack(self, source: Source, file: str, good: list[Row], bad: list[Fault]) -> None:
        count = self.counts[source.name]
        if good:
            numbers, texts, domains, labels = zip(*good, strict=True)
            columns = {
                "seed_id": [content_id("s", text) for text in texts],
                "source": [source.name] * len(good),
                "text": texts,
                "domain": domains,
                "label": labels,
                "file": [file] * len(good),
                "row": numbers,
            }
            self._seeds.append(pl.DataFrame(columns, schema=polars_schema("seeds")))
        if bad:
            self._refused.append(self._quarantine(file, bad))
            count.update(fault.reason for fault in bad)
        count["read"] += len(good) + len(bad)
        count["seeds"] += len(good)
        self._on_progress(len(good) + len(bad))
        good.clear()
        bad.clear()

    def _quarantine(self, file: str, bad: list[Fault]) -> pl.DataFrame:
        columns = {
            "row_id": [f"{file}:{fault.number}" for fault in bad],
            "reason": [fault.reason for fault in bad],
            "detail": [fault.detail for fault in bad],
            "raw_answer": [printable(fault.raw[:MOST_RAW]) for fault in bad],
        }
        return quarantine_rows(STAGE, pl.DataFrame(columns), self.at)


def _tidy(value: str) -> str:
    """A domain or a label: not worth refusing a row for."""
    return normalise(without_markup(printable(value[:MAX_VALUE_CHARS])) or "")


class _First:
    """The first fault of a source, and its file."""

    file = ""
    fault: Fault | None = None

    def note(self, file: str, fault: Fault) -> None:
        if self.fault is None:
            self.file, self.fault = file, fault


def _whole(source: Source, file: File) -> Iterator[Row | Fault]:
    if file.unfit:
        raise UserError(f"{file.shown}: {file.unfit}", "")
    yield from read_file(source, file)


def _nothing_usable(source: Source, count: Counter[str], first: _First) -> UserError:
    file, fault = first.file or shown_file(source), first.fault
    if fault is None:
        return UserError(f"{file}: source {source.name!r} has no rows", "every source needs at least one row")
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in count.most_common() if reason not in {"read", "seeds"})
    return UserError(
        f"{file}: source {source.name!r}: none of its {count['read']:,} rows can be used: {reasons}",
        f"the first is {file}:{fault.number}: {escaped(fault.detail[:300])}",
    )
