"""JSON as models write it, made strict: fences and chatter around it, commas, quotes, Python's words, line breaks.

What the model did not close is never closed for it: a string without an end is no string, and of a list that was cut
off only the objects remain that were closed inside it. One pass over the text, without recursion. Not here: what the
values must be (structured.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_DEPTH = 32
MOST_VALUES = 8
"""Bracketed values of one text that are looked at: chatter may hold brackets too."""

_SPACE = re.compile(r"\s*")
_BARE = re.compile(r"[A-Za-z0-9_.+-]+")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,18})?(?:[eE][+-]?\d{1,3})?")
_WORDS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}
_QUOTES = {'"': '"', "'": "'", "“": "”"}
_PLAIN = {quote: re.compile(f"[^{closing}\\\\\\x00-\\x1f]+") for quote, closing in _QUOTES.items()}
_ESCAPES = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_CONTROL = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PAIRS = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Mended:
    """Strict JSON, as far as brackets and strings go. `cut`: the model did not close it, and what was open is gone."""

    json: str
    cut: bool


class Unreadable(ValueError):  # noqa: N818 - describes the text
    """No JSON begins here that could be mended. `cut`: it ends in the middle."""

    def __init__(self, cut: bool = False) -> None:
        super().__init__("cut off" if cut else "not JSON")
        self.cut = cut


def mended(text: str) -> Iterator[Mended]:
    """The objects and lists in `text`, one after the other; raises Unreadable where one cannot be mended."""
    position = 0
    for _ in range(MOST_VALUES):
        start = min((at for bracket in "{[" if (at := text.find(bracket, position)) >= 0), default=-1)
        if start < 0:
            return
        reader = _Reader(text, start)
        try:
            yield reader.value()
            position = reader.at
        except Unreadable as error:
            if error.cut or text[start] == "{":
                raise
            position = start + 1  # a bracket of the chatter


@dataclass(slots=True)
class _Reader:
    """Reads one bracketed value from `at` on and writes it anew, token by token."""

    text: str
    at: int
    _open: list[str] = field(default_factory=list)
    _written: list[str] = field(default_factory=list)
    _ended: bool = False
    """Whether the last token ends a value, so that a comma belongs before the next."""
    _whole: int = 0
    """Tokens up to the end of the last object that was closed within the outermost list; 0 for none."""
    _around: str = ""
    """What has to be closed behind those."""

    def value(self) -> Mended:
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in "{[":
                self._enter(character)
            elif character in "}]":
                self._leave(character)
                if not self._open:
                    return Mended("".join(self._written), cut=False)
            elif character == ",":
                self.at += 1
            elif character == ":":
                self._write(":", begins=False, ends=False)
                self.at += 1
            elif character in _QUOTES:
                if not self._string(character):
                    break
            elif character.isspace():
                self.at = self._after_space(self.at)
            elif not self._bare():
                break
        return self._cut()

    def _cut(self) -> Mended:
        if not self._whole:
            raise Unreadable(cut=True)
        return Mended("".join(self._written[: self._whole]) + self._around, cut=True)

    def _enter(self, bracket: str) -> None:
        if len(self._open) == MOST_DEPTH:
            raise Unreadable
        self._write(bracket, ends=False)
        self._open.append(bracket)
        self.at += 1

    def _leave(self, bracket: str) -> None:
        if _PAIRS[self._open[-1]] != bracket:
            raise Unreadable
        self._open.pop()
        self._write(bracket, begins=False)
        self.at += 1
        if bracket == "}" and self._open in (["{", "["], ["["]):
            self._whole, self._around = len(self._written), "".join(_PAIRS[open_] for open_ in reversed(self._open))

    def _write(self, token: str, begins: bool = True, ends: bool = True) -> None:
        """`begins`, `ends`: whether a value or a key does so with this token."""
        if begins and self._ended:
            self._written.append(",")
        self._written.append(token)
        self._ended = ends

    def _string(self, quote: str) -> bool:
        """Read a string; False when the text ends inside it."""
        closing, plain, position = _QUOTES[quote], _PLAIN[quote], self.at + 1
        parts = ['"']
        while position < len(self.text):
            found = plain.match(self.text, position)
            if found:
                parts.append(found[0].replace('"', '\\"') if closing != '"' else found[0])
                position = found.end()
                continue
            character = self.text[position]
            if character == closing and self._closes(position):
                self.at = position + 1
                parts.append('"')
                self._write("".join(parts))
                return True
            escape = _ESCAPES.match(self.text, position) if character == "\\" else None
            if escape:
                parts.append(escape[0])
                position = escape.end()
                continue
            position += 1
            if character == "\\":  # Python's \' and what no JSON knows
                parts.append("" if self.text[position : position + 1] in ("'", '"') else "\\\\")
                if self.text[position : position + 1] == closing:
                    parts.append('\\"' if closing == '"' else closing)
                    position += 1
            elif character == '"':
                parts.append('\\"')
            else:
                parts.append(_CONTROL.get(character, "" if character < " " else character))
        return False

    def _closes(self, position: int) -> bool:
        """Whether a quote ends its string, and does not stand inside it: by what follows."""
        after = self._after_space(position + 1)
        following = self.text[after : after + 1]
        if following == "" or following in ":}]":
            return True
        if following == ",":
            after = self._after_space(after + 1)
            following = self.text[after : after + 1]
            return following in _QUOTES or following in "{[}]" or self._is_bare_value(after)
        return following in _QUOTES and "\n" in self.text[position + 1 : after]  # a comma is missing

    def _is_bare_value(self, at: int) -> bool:
        found = _BARE.match(self.text, at)
        return found is not None and (
            found[0] in _WORDS
            or _NUMBER.fullmatch(found[0]) is not None
            or self.text.startswith(":", self._after_space(found.end()))
        )

    def _bare(self) -> bool:
        """A number, a word of JSON or Python, or a key without quotes; False when the text ends behind it."""
        found = _BARE.match(self.text, self.at)
        if found is None:
            raise Unreadable
        word, after = found[0], self._after_space(found.end())
        if after == len(self.text):
            return False  # a number may go on
        if word in _WORDS or _NUMBER.fullmatch(word):
            token = _WORDS.get(word, word)
        elif self.text[after] == ":":
            token = f'"{word}"'
        else:
            raise Unreadable
        self._write(token)
        self.at = found.end()
        return True

    def _after_space(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at
