"""Shards of a run that cannot be made: they fail alone, and the others are made first.

Here: which errors are a shard's own, and what a step says in the end. Not here: making shards (shard_work.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from unicorn_assets.errors import UserError, machine_error
from unicorn_assets.llm.errors import JournalBroken, ServerBroken
from unicorn_assets.redaction import redact, scrub

EXIT_CODE = "exit code"
"""Metadata of a failure that a person can mend: with what code a command ends because of it."""
SAME = 3
"""So many shards that fail in the same words are no fault of theirs: a package is missing, or the program is wrong."""
TOLD = 5


class Troubles:
    """The shards of a step that could not be made, each with its error."""

    def __init__(self) -> None:
        self.found: dict[str, Exception] = {}

    @contextmanager
    def of(self, shard: str) -> Iterator[None]:
        """Keep what goes wrong with this shard, unless no other shard would fare better."""
        try:
            yield
        except Exception as error:
            if _is_for_all(error):
                raise
            self.found[shard] = error
            said = [str(each).replace(name, "") for name, each in self.found.items()]
            if said.count(said[-1]) >= SAME and said[-1]:
                raise

    def tell(self, asset: str, shards: int) -> None:
        """Fail the step, if a shard failed; `shards` are all of its run."""
        if not self.found:
            return
        first = next(iter(self.found.values()))
        if shards == 1:
            raise first
        told = [f"  {shard}: {_words(error)}" for shard, error in list(self.found.items())[:TOLD]]
        told += [f"  and {len(self.found) - TOLD:,} more"] if len(self.found) > TOLD else []
        hint = first.hint if isinstance(first, UserError) else ""
        lines = [f"{len(self.found):,} of {shards:,} shards of {asset} were not made, the others are good:", *told]
        faults = [error for error in self.found.values() if not isinstance(error, UserError)]
        for error in faults:
            scrub(error)
        raise dg.Failure(
            "\n".join([*lines, *([f"  -> {hint}"] if hint else [])]),
            metadata={EXIT_CODE: 1, "shards": ", ".join(self.found)},
            allow_retries=bool(faults),
        ) from (faults[0] if faults else None)


def _is_for_all(error: Exception) -> bool:
    ends = isinstance(error, UserError) and error.exit_code != UserError.exit_code
    return ends or isinstance(error, ServerBroken | JournalBroken) or machine_error(error) is not None


def _words(error: Exception) -> str:
    if isinstance(error, UserError):
        return error.message
    return redact(f"{type(error).__name__}: {' '.join(str(error).split())}"[:300])
