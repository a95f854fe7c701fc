"""Text lines of a byte stream: numbered, decoded, never longer than the limit, whatever the file holds.

Undecodable bytes stay in the line as lone surrogates (PEP 383), so that one broken line does not end the file; the
intake refuses such rows. Not here: formats.
"""

import io
from collections.abc import Iterator
from typing import IO, NamedTuple

from unicorn_assets.errors import UserError
from unicorn_assets.seeds.rows import Fault
from unicorn_assets.seeds.sniff import check_text, is_wide

MAX_LINE_CHARS = 1_000_000
RAW_CHARS = 4000
"""How much of a refused text is kept."""


class Line(NamedTuple):
    """One line without its end. `too_long`: only the beginning is here."""

    number: int
    text: str
    too_long: bool = False

    def fault(self) -> Fault:
        """The refusal of a line that is too long."""
        return Fault(self.number, "line_too_long", f"more than {MAX_LINE_CHARS:,} characters", self.text)


def read_lines(stream: IO[bytes], encoding: str, shown: str) -> Iterator[Line]:
    """All lines of `stream`, which it closes; line ends are LF, CR LF or CR. Needs a few megabytes of memory."""
    try:
        wide = is_wide(encoding)
        check_text(stream, encoding, shown)
        # utf-8-sig also reads files without a byte order mark.
        codec = "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding
        # surrogateescape needs an encoding in which ASCII is one byte.
        text = io.TextIOWrapper(stream, codec, errors="replace" if wide else "surrogateescape")
    except LookupError:
        raise UserError(
            f"{shown}: there is no encoding {encoding!r}", "use a name such as utf-8, latin-1 or cp1252"
        ) from None
    with text:
        number = 0
        while line := text.readline(MAX_LINE_CHARS + 1):
            number += 1
            if line.endswith("\n") or len(line) <= MAX_LINE_CHARS:
                yield Line(number, line.removesuffix("\n"))
            else:
                _skip_rest(text)
                yield Line(number, line[:RAW_CHARS], too_long=True)


def _skip_rest(text: io.TextIOWrapper) -> None:
    while rest := text.readline(MAX_LINE_CHARS):
        if rest.endswith("\n"):
            return
