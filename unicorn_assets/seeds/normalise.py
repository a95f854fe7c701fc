"""The one form of a seed text, from which its id is made.

Control and other invisible characters go and Unicode NFC is taken (text.py), then runs of white space become one space.
Applying it twice changes nothing.
"""

import re

from unicorn_assets.text import visible

_LOST = re.compile("[\ud800-\udfff\ufffd]")


def normalise(text: str) -> str:
    """`text` in the form in which seeds are compared and stored."""
    return " ".join(visible(text).split())


def lost_character(text: str) -> str | None:
    """What shows that characters of `text` were lost: an undecodable byte, a lone surrogate or U+FFFD; else None."""
    found = None if text.isascii() else _LOST.search(text)
    if found is None:
        return None
    code = ord(found.group())
    if 0xDC80 <= code <= 0xDCFF:
        return f"byte 0x{code - 0xDC00:02X} at character {found.start() + 1} does not belong to the source's encoding"
    what = "mark of lost characters" if code == 0xFFFD else "half of a surrogate pair"
    return f"U+{code:04X} at character {found.start() + 1}: {what}"


def damage(text: str) -> str | None:
    """Why `text` as it stands in a file is not to be trusted: a zero byte, or what `lost_character` finds."""
    if "\0" in text:
        return f"zero byte (U+0000) at character {text.index(chr(0)) + 1}"
    return lost_character(text)


def printable(text: str) -> str:
    """`text` as a table can store it: undecodable bytes are written as \\xE9."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def escaped(name: str) -> str:
    """A name for messages and tables, on one line: line breaks and what cannot be seen or stored are written out."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
