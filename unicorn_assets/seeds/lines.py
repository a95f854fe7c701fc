"""Text lines of a byte stream: numbered, decoded, never longer than the limit, whatever the file holds.

Undecodable bytes stay in the line as lone surrogates (PEP 383), so that one broken line does not end the file; the
intake refuses such rows. A byte order mark at the beginning of any line is dropped: files are joined from marked files.
Not here: formats.
"""

import io
import re
from collections.abc import Iterator
from typing import IO, NamedTuple

from unicorn_assets.errors import UserError
from unicorn_assets.lake.quarantine_rows import MOST_RAW
from unicorn_assets.seeds.rows import Fault
from unicorn_assets.seeds.sniff import HEAD_BYTES, codec_for, is_wide

MAX_LINE_CHARS = 1_000_000
CUT = "\udc00"
"""Stands where the middle of a long cell was left out; no decoder makes it."""

_PIECE = 16_384
_STRUCTURE = re.compile(r'[",;\t\\]')


class Line(NamedTuple):
    """One line without its end. `too_long`: only the beginning is here. `cut`: long cells hold CUT for their middle."""

    number: int
    text: str
    too_long: bool = False
    cut: bool = False

    @property
    def incomplete(self) -> bool:
        """Whether anything of the line is missing."""
        return self.too_long or self.cut

    def fault(self) -> Fault:
        """The refusal of a line that is too long."""
        return Fault(self.number, "line_too_long", f"more than {MAX_LINE_CHARS:,} characters", self.text[:MOST_RAW])


def cut_fault(number: int, text: str) -> Fault:
    """The refusal of a text that was too long to be read whole."""
    return Fault(
        number, "line_too_long", f"most of the line's more than {MAX_LINE_CHARS:,} characters", text[:MOST_RAW]
    )


def read_lines(stream: IO[bytes], encoding: str, shown: str) -> Iterator[Line]:
    """All lines of `stream`, which it closes; line ends are LF, CR LF or CR. Needs a few megabytes of memory."""
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    try:
        codec = codec_for(head, encoding, shown)
        # surrogateescape needs an encoding in which ASCII is one byte.
        text = io.TextIOWrapper(stream, codec, errors="replace" if is_wide(codec) else "surrogateescape")
    except (LookupError, ValueError):  # ValueError: a zero byte in the name
        raise UserError(
            f"{shown}: there is no encoding {encoding[:40]!r}", "use a name such as utf-8, latin-1 or cp1252"
        ) from None
    with text:
        number = 0
        while piece := text.readline(_PIECE):
            number += 1
            if piece.endswith("\n") or len(piece) < _PIECE:
                line = piece.removesuffix("\n").lstrip("\ufeff")
                if line or piece.endswith("\n"):  # a mark alone at the end is no line
                    yield Line(number, line)
            else:
                yield _long_line(number, piece, text)


def _long_line(number: int, first: str, text: io.TextIOWrapper) -> Line:
    """A line of many pieces. One beyond the limit keeps its structure: pictures and vectors stand in single cells,
    whose middle has no delimiter, quote or backslash and may go without moving anything else.
    """
    whole: list[str] = []
    short: list[str] = []
    size = short_size = run = 0
    piece = first
    while piece:
        ended = piece.endswith("\n")
        piece = piece.removesuffix("\n")
        size += len(piece)
        if size <= MAX_LINE_CHARS:
            whole.append(piece)
        run = 0 if _STRUCTURE.search(piece) else run + 1
        if run <= 3:
            short.append(piece if run < 3 else CUT)
            short_size += len(short[-1])
        if short_size > MAX_LINE_CHARS:
            if not ended:
                _skip_rest(text)
            return Line(number, first[:MOST_RAW].lstrip("\ufeff"), too_long=True)
        piece = "" if ended else text.readline(_PIECE)
    is_cut = size > MAX_LINE_CHARS
    return Line(number, "".join(short if is_cut else whole).lstrip("\ufeff"), cut=is_cut)


def _skip_rest(text: io.TextIOWrapper) -> None:
    while rest := text.readline(MAX_LINE_CHARS):
        if rest.endswith("\n"):
            return
