"""Faults of a whole text file, seen in its first 64 KiB: empty, packed, binary, another encoding than the recipe says.

A few broken lines are not a fault of the file: they are refused one by one. Not here: remote access, parsing.
"""

import codecs
import re

from unicorn_assets.errors import UserError

HEAD_BYTES = 65_536
_UNPACK = "unpack it; names that end in .gz, .bz2 or .xz are unpacked"
_SAVE = "save it as CSV, JSONL or text"
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "a Parquet file", "say `format: parquet`"),
    (b"PARE", "an encrypted Parquet file", "decrypt it first"),
    (b"\x1f\x8b", "a gzip file", _UNPACK),
    (b"BZh", "a bzip2 file", _UNPACK),
    (b"\xfd7zXZ\0", "an xz file", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it: zstd -d"),
    (b"\x04\x22\x4d\x18", "an lz4 file", "unpack it: lz4 -d"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file", _SAVE),
    (b"%PDF-", "a PDF file", "give the text that it holds"),
    (b"%!PS", "a PostScript file", "give the text that it holds"),
    (b"{\\rtf", "an RTF file", _SAVE),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"SQLite format 3\0", "an SQLite database", "write its table as CSV or Parquet"),
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer", "fetch the file itself: git lfs pull"),
)
# What a zip file holds tells whose it is; the names stand at its beginning.
_ZIPPED = ((b"xl/", "an Excel file"), (b"word/", "a Word file"), (b"opendocument", "an OpenDocument file"))
_MARKUP = re.compile(rb"\s*<(?:!doctype\s+html|html[\s>]|head[\s>]|\?xml\s)", re.IGNORECASE)

# UTF-32 first: its little-endian mark begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NOT_FOR_TEXTS = frozenset({"idna", "punycode", "undefined"})
_CONTROLS = bytes(set(range(1, 32)) - set(b"\t\n\v\f\r\x1b"))
_LINE_END = re.compile(rb"\r\n?|\n")


def is_wide(encoding: str) -> bool:
    """Whether a character takes several bytes of which some are zero (UTF-16, UTF-32)."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def codec_for(head: bytes, encoding: str, shown: str) -> str:
    """The codec that reads the file that begins with `head` (HEAD_BYTES of it): `encoding`, unless a mark knows better.

    Raises a UserError when it cannot be a text in `encoding`, a LookupError when there is no such encoding.
    """
    if not head:
        raise UserError(f"{shown}: the file is empty", "every source needs at least one row")
    if kind := kind_of(head):
        raise UserError(f"{shown}: this is {kind[0]}, not text", kind[1])
    said = codecs.lookup(encoding).name
    if said in _NOT_FOR_TEXTS:
        raise LookupError(encoding)
    wide = is_wide(encoding)
    is_utf8 = head.startswith(codecs.BOM_UTF8) or (wide and b"\0" not in head and _bad_lines(head, "utf-8")[1] == 0)
    if is_utf8 and wide:
        raise UserError(f"{shown}: the file reads as UTF-8, not as {encoding}", "set the source's `encoding: utf-8`")
    if is_utf8:
        return "utf-8"
    found = _wide_encoding(head, said)
    if found and not found.startswith(said):  # utf-16 may turn out to be utf-16-be
        marked = _mark(head) is not None
        family = found[:6] if marked and said[:6] != found[:6] else found
        how = "is in" if marked else "seems to be in"
        raise UserError(
            f"{shown}: the file {how} {family.upper()}, not in {encoding}", f"set the source's `encoding: {family}`"
        )
    if wide:
        return found if found and _mark(head) is None else encoding
    _check_binary(head, shown)
    _check_lines(head, encoding, shown)
    return encoding


def kind_of(head: bytes) -> tuple[str, str] | None:
    """What a file is that is no text at all, and what to do with it; None when nothing is known about it."""
    if head.startswith(b"PK\x03\x04"):
        return next(((name, _SAVE) for sign, name in _ZIPPED if sign in head), ("a zip file", "unpack it"))
    if head[257:262] == b"ustar":
        return "a tar archive", "unpack it"
    if _MARKUP.match(head.removeprefix(codecs.BOM_UTF8)):
        return "an HTML or XML page", "was the file itself downloaded? give text, JSONL, CSV or Parquet"
    return next(((name, hint) for magic, name, hint in _KINDS if head.startswith(magic)), None)


def _mark(head: bytes) -> str | None:
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def _wide_encoding(head: bytes, said: str) -> str | None:
    """UTF-16 or UTF-32 with its byte order, as a mark or the places of the zero bytes tell it."""
    marked = _mark(head)
    if marked == "utf-32-le" and said.startswith("utf-16") and head[6:8] != b"\0\0":
        return "utf-16-le"  # its mark and then U+0000
    if marked:
        return marked
    zeros = [head[place::4].count(0) / max(len(head) // 4, 1) for place in range(4)]
    few, many = 0.05, 0.4
    for name, filled in (("utf-16-le", (0, 2)), ("utf-16-be", (1, 3)), ("utf-32-le", (0,)), ("utf-32-be", (3,))):
        if all(zeros[place] < few if place in filled else zeros[place] > many for place in range(4)):
            return name
    return None


def _check_binary(head: bytes, shown: str) -> None:
    """Zero bytes here and there cost their own rows; many, in many lines, are no text. Nor are many controls."""
    lines = _LINE_END.split(head)
    hit = sum(b"\0" in line for line in lines)
    if hit * 3 >= len(lines) and head.count(0) > len(lines):
        line = next(number for number, line in enumerate(lines, 1) if b"\0" in line)
        raise UserError(
            f"{shown}:{line}: byte 0 in the text: this is a binary file", "give a text, JSONL, CSV or Parquet file"
        )
    if len(head) - len(head.translate(None, _CONTROLS)) > max(32, len(head) / 20):
        raise UserError(f"{shown}: this is a binary file, not text", "give a text, JSONL, CSV or Parquet file")


def _check_lines(head: bytes, encoding: str, shown: str) -> None:
    lines, bad, good_beyond_ascii, first = _bad_lines(head, encoding)
    # Either most lines are broken, or every line with more than ASCII is: then it is the encoding, not the lines.
    if bad > lines / 2 or (bad >= max(3, lines / 50) and good_beyond_ascii == 0):
        raise UserError(
            f"{shown}:{first}: {bad} of the first {lines} lines are not in {encoding}",
            "save the file as UTF-8, or set the source's `encoding`, for example latin-1 or cp1252",
        )


def _bad_lines(head: bytes, encoding: str) -> tuple[int, int, int, int]:
    """Lines, undecodable lines, good lines with more than ASCII, number of the first undecodable line."""
    lines = _LINE_END.split(head)
    if len(head) == HEAD_BYTES:  # the last line is cut off, maybe inside a character
        lines[-1] = lines[-1][:-4]
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    bad: list[int] = []
    good_beyond_ascii = 0
    for number, line in numbered:
        try:
            line.decode(encoding)
            good_beyond_ascii += not line.isascii()
        except UnicodeError:
            bad.append(number)
    return len(numbered), len(bad), good_beyond_ascii, bad[0] if bad else 0
