"""The one door to the terminal: everything that this process prints goes through it and comes out harmless.

Models, servers, files and recipes write parts of what is printed. Here: what never reaches a terminal (control
characters, escapes, marks that turn or hide text, secrets), the two consoles, and JSON that stays JSON.
Nothing else in the package may print or make a console; a test says so. Not here: what is printed.
"""

import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.style import Style

from unicorn_assets.redaction import redact

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Controls of both kinds, lone surrogates, marks that turn the direction of text, and characters without a width."""

_JOINERS = "\u200c\u200d\xad"
"""Of these the words of some languages and some emoji are made; without them both can still be read."""

_INVISIBLE = Style(conceal=False, blink=False, blink2=False)


def plain(text: str) -> str:
    """`text` as a terminal may see it: what would move its cursor or hide or turn its words is written as an escape,
    such as \\x1b; line breaks and tabs stay.
    """
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character in _JOINERS:
        return ""
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class SafeConsole(Console):
    """A Rich console on which no text of others is markup, an emoji code, a link or a control sequence."""

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """As Rich's; plain strings lose their secrets and are made harmless before they are laid out."""
        super().print(*(plain(redact(each)) if isinstance(each, str) else each for each in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The last step before the terminal: whatever was laid out, by whomever, is harmless."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
                continue
            text, style = plain(segment.text), segment.style
            if style is not None and (style.link or style.conceal):
                style = style.update_link(None) + _INVISIBLE
            yield segment if text is segment.text and style is segment.style else Segment(text, style)

    @property
    def file(self) -> IO[str]:
        """Where to write: this console's text is harmless already, and its colours are its own."""
        found = super().file
        return found.inner if isinstance(found, SafeStream) else found

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def on_broken_pipe(self) -> None:
        """The reader of a pipe, such as head, has seen enough; the command goes on in silence."""
        silence(self.file)


class SafeStream:
    """A stream for everybody who is no console: typer's errors, warnings, logging, tracebacks. All text is cleaned."""

    def __init__(self, inner: IO[str]) -> None:
        self.inner = inner

    def write(self, text: Any) -> int:
        """Write text without anything that would steer a terminal, and without secrets. TypeError for bytes, by which
        click tells streams of text from others.
        """
        if not isinstance(text, str):
            raise TypeError(f"text is written here, not {type(text).__name__}")
        self.inner.write(plain(redact(text)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


out, err = SafeConsole(), SafeConsole(stderr=True)


@contextmanager
def guarded() -> Iterator[None]:
    """For the time of a command every text on standard output and error is cleaned, whoever writes it."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _guard(sys.stdout), _guard(sys.stderr)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        sys.stdout, sys.stderr = before


def _guard(stream: Any) -> Any:
    if stream is None or isinstance(stream, SafeStream):
        return stream
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only is no reason to fail
    return SafeStream(stream)


def _flush(stream: Any) -> None:
    try:
        if stream is not None:
            stream.flush()
    except BrokenPipeError:
        silence(stream)
    except ValueError:  # closed before
        pass


def silence(stream: Any) -> None:
    """From now on what is written to `stream` goes nowhere; Python would complain at its end otherwise."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def print_json(value: Any, cleaned: Callable[[str], str] = redact) -> None:
    """One JSON document on standard output; without NaN (null instead), and with escapes for what steers a terminal.

    Texts come back as they were when it is read, but for secrets (`cleaned` takes them out).
    """
    stream = out.file
    ascii_only = not (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")
    text = json.dumps(to_json(value, cleaned), indent=2, ensure_ascii=ascii_only, allow_nan=False)
    try:
        stream.write(_UNSAFE.sub(_json_escaped, text) + "\n")
        stream.flush()
    except BrokenPipeError:
        silence(stream)


def to_json(value: Any, cleaned: Callable[[str], str] = redact) -> Any:
    """`value` with only what JSON knows: no NaN or infinity, keys that are words, everything unknown as words."""
    if isinstance(value, str):
        return cleaned(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {cleaned(str(key)): to_json(each, cleaned) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(each, cleaned) for each in value]
    return cleaned(str(value))


def _json_escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if ord(found[0]) > 0x7F else f"\\u{ord(found[0]):04x}"
