"""What can go wrong between the engine and a server, in words for the person who runs it."""

import sys
import traceback
from pathlib import Path
from types import FrameType

from unicorn_assets.errors import UserError
from unicorn_assets.redaction import redact


class ServerBroken(UserError):  # noqa: N818 - the state, not the error, is the news
    """The run stopped because the servers cannot do the work; every finished answer is in the journal."""


class JournalBroken(UserError):  # noqa: N818 - as above
    """The journal cannot be written (disk full, no permission, storage unreachable)."""


class BudgetReached(UserError):  # noqa: N818 - as above
    """The next request could cost more than `llm.budget` leaves; everything finished is in the journal."""

    exit_code = 3

    def waiting(self, rows: int) -> "BudgetReached":
        """The same, with the number of rows that have no outcome yet."""
        return BudgetReached(f"{self.message}; at least {rows:,} rows wait", self.hint)


class EngineStalled(UserError):  # noqa: N818 - as above
    """Nothing came or went for longer than `llm.patience_s` allows; every finished answer is in the journal."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(
            f"Stopped: {message}",
            "run again: finished answers are kept and not asked again. If it happens again, report this line.",
        )


class EngineFailed(UserError):  # noqa: N818 - as above
    """The engine itself made a mistake; every finished answer is in the journal."""

    exit_code = 1

    @classmethod
    def of(cls, error: BaseException) -> "EngineFailed":
        """With the place of the mistake, and the mistake as its cause."""
        failed = cls(
            f"Stopped by a mistake of the engine: {in_words(error)}",
            "report this line; run again after an update: finished answers are kept and not asked again.",
        )
        failed.__cause__ = error
        return failed


class TogetherFailed(EngineFailed):
    """A mistake of the engine or of a row while rows of several askers were under way: alone, it is known whose."""


def in_words(error: BaseException) -> str:
    """Class, message and place of an exception as one short line."""
    said = redact(" ".join(str(error).split()))[:200]
    *_, place = [""] + [f" ({_spot(frame, line)})" for frame, line in traceback.walk_tb(error.__traceback__)]
    return f"{type(error).__name__}{': ' if said else ''}{said}{place}"


def place_of_thread(ident: int | None) -> str:
    """Where a thread of this process is now, as `file:line in function`."""
    frame = sys._current_frames().get(ident or 0)
    return "nowhere" if frame is None else f"{_spot(frame, frame.f_lineno)} in {frame.f_code.co_name}"


def _spot(frame: FrameType, line: int) -> str:
    return f"{Path(frame.f_code.co_filename).name}:{line}"
