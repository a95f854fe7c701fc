"""Shards of a run that cannot be made: they fail alone, and the others are made first.

Here: which errors are a shard's own, and what a step says in the end. Not here: making shards (shard_work.py).
"""

from collections.abc import Iterator, Sequence
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
    """The shards of a step that could not be made, by asset and shard, each with its error."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Exception] = {}

    @contextmanager
    def of(self, unit: tuple[str, str]) -> Iterator[None]:
        """Keep what goes wrong with this shard, unless no other shard would fare better."""
        try:
            yield
        except Exception as error:
            if _is_for_all(error):
                raise
            self.found[unit] = error
            said = [str(each).replace(shard, "") for shard, each in self._of_asset(unit[0]).items()]
            if said.count(said[-1]) >= SAME and said[-1]:
                raise

    def tell(self, shards: int) -> None:
        """Fail the step, if a shard failed; `shards` are all of its run."""
        if not self.found:
            return
        first, told = next(iter(self.found.values())), {unit: _words(error) for unit, error in self.found.items()}
        if shards == 1 and len(set(told.values())) == 1:
            raise first
        alike: dict[tuple[tuple[str, str], ...], list[str]] = {}  # assets that lack a parent say the same
        for asset in dict.fromkeys(asset for asset, _ in told):
            alike.setdefault(tuple((shard, said) for (name, shard), said in told.items() if name == asset), []).append(
                asset
            )
        lines = [line for said, assets in alike.items() for line in _lines(assets, said, shards)]
        hint = first.hint if isinstance(first, UserError) else ""
        faults = [error for error in self.found.values() if not isinstance(error, UserError)]
        for error in faults:
            scrub(error)
        raise dg.Failure(
            "\n".join([*lines, *([f"  -> {hint}"] if hint else [])]),
            metadata={EXIT_CODE: 1, "shards": ", ".join(dict.fromkeys(shard for _, shard in self.found))},
            allow_retries=bool(faults),
        ) from (faults[0] if faults else None)

    def _of_asset(self, name: str) -> dict[str, Exception]:
        return {shard: error for (asset, shard), error in self.found.items() if asset == name}


def _lines(assets: Sequence[str], said: Sequence[tuple[str, str]], shards: int) -> list[str]:
    told = [f"  {shard}: {words}" for shard, words in said[:TOLD]]
    more = [f"  and {len(said) - TOLD:,} more"] if len(said) > TOLD else []
    return [
        f"{len(said):,} of {shards:,} shards of {', '.join(assets)} were not made, the others are good:",
        *told,
        *more,
    ]


def _is_for_all(error: Exception) -> bool:
    ends = isinstance(error, UserError) and error.exit_code != UserError.exit_code
    return ends or isinstance(error, ServerBroken | JournalBroken) or machine_error(error) is not None


def _words(error: Exception) -> str:
    if isinstance(error, UserError):
        return error.message
    return redact(f"{type(error).__name__}: {' '.join(str(error).split())}"[:300])
