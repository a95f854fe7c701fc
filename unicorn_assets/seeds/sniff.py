"""Faults of a whole text file, seen in its first 64 KiB: empty, binary, another encoding than the recipe says.

A few broken lines are not a fault of the file: they are refused one by one. Not here: remote access, parsing.
"""

import codecs
from typing import IO

from unicorn_assets.errors import UserError

HEAD_BYTES = 65_536
_PACKED = {b"PAR1": "Parquet", b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd"}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_wide(encoding: str) -> bool:
    """Whether a character takes several bytes of which some are zero (UTF-16, UTF-32)."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def check_text(stream: IO[bytes], encoding: str, shown: str) -> None:
    """Raise a UserError when `stream` cannot be a text in `encoding`; leaves it at its start."""
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    if not head:
        raise UserError(f"{shown}: the file is empty", "every source needs at least one row")
    for magic, kind in _PACKED.items():
        if head.startswith(magic):
            hint = "say `format: parquet`" if kind == "Parquet" else "unpack it; names that end in .gz are unpacked"
            raise UserError(f"{shown}: this is a {kind} file, not text", hint)
    if is_wide(encoding):
        if b"\0" not in head and _bad_lines(head, "utf-8")[1] == 0:
            raise UserError(
                f"{shown}: the file reads as UTF-8, not as {encoding}", "set the source's `encoding: utf-8`"
            )
        return
    if head.startswith(_UTF16):
        raise UserError(f"{shown}: the file is in UTF-16, not in {encoding}", "set the source's `encoding: utf-16`")
    if b"\0" in head:
        line = head[: head.index(b"\0")].count(b"\n") + 1
        raise UserError(
            f"{shown}:{line}: byte 0 in the text: this is a binary file", "give a text, JSONL, CSV or Parquet file"
        )
    lines, bad, good_beyond_ascii, first = _bad_lines(head, encoding)
    # Either most lines are broken, or every line with more than ASCII is: then it is the encoding, not the lines.
    if bad > lines / 2 or (bad >= max(3, lines / 50) and good_beyond_ascii == 0):
        raise UserError(
            f"{shown}:{first}: {bad} of the first {lines} lines are not in {encoding}",
            "save the file as UTF-8, or set the source's `encoding`, for example latin-1 or cp1252",
        )


def _bad_lines(head: bytes, encoding: str) -> tuple[int, int, int, int]:
    """Lines, undecodable lines, good lines with more than ASCII, number of the first undecodable line."""
    lines = head.split(b"\n")
    if len(head) == HEAD_BYTES:  # the last line is cut off, maybe inside a character
        lines[-1] = lines[-1][:-4]
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    bad: list[int] = []
    good_beyond_ascii = 0
    for number, line in numbered:
        try:
            line.decode(encoding)
            good_beyond_ascii += not line.isascii()
        except UnicodeDecodeError:
            bad.append(number)
    return len(numbered), len(bad), good_beyond_ascii, bad[0] if bad else 0
