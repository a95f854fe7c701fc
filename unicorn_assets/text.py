"""Text from strangers (models, files, servers) made fit to keep: storable anywhere, and without what nobody sees.

`storable` is for every text that is kept as it came, such as a refused answer. `visible` is for text that is to be
read as language: the same to the eye, with one way of writing it. Not here: what a terminal may be sent, white space
of a stage's own (seeds are one line), marks of web pages and chat templates.
"""

import html
import re
import unicodedata
from typing import Any

MOST_MARKS = 30
"""Combining marks that one letter may carry, as in Unicode's stream-safe form: normalising longer runs is quadratic."""

_EMOJI = "[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]"
_JOINING = (  # scripts whose letters change by a joiner: Arabic and its kin, the Indic scripts, Mongolian, Adlam
    "[\u0600-\u0e7f\u0f00-\u109f\u1780-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f]"
)
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_KEPT = (
    f"(?:(?<={_EMOJI})|(?<={_EMOJI}\ufe0f))\u200d(?={_EMOJI})"  # a family, a profession
    f"|(?<={_JOINING})[\u200c\u200d]"
    f"|(?<=[^\x00-\x7f{_SELECTORS}\u200b-\u200f])[\ufe00-\ufe0f]|(?<=[0-9#*])\ufe0f(?=\u20e3)"  # colour, keycaps
    "|(?<=[\u3400-\u9fff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]"  # variants of ideographs
    "|\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,31}\U000e007f"  # flags of regions
)
_DROPPED = (
    # a terminal's colours, titles and character sets, by ESC or by one C1 byte
    "(?:\x1b\\[|\x9b(?=[0-?]))[0-?]*[ -/]*[@-~]|\x1b[ -/]{1,4}[0-~]"
    "|(?:\x1b[]PX^_]|[\x90\x9d])[^\x07\x1b\x9c]{0,200}(?:\x07|\x1b\\\\|\x9c)"
    "|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    f"\ufff9-\ufffb{_SELECTORS}\U000e0000-\U000e007f]"
)
_INVISIBLE = re.compile(f"({_KEPT})|(?:{_DROPPED})")
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))), " "))
_BREAKS = str.maketrans(dict.fromkeys("\x0b\x0c\x85\u2028\u2029", "\n"))
_CROWD = re.compile(f"[^\x00-\x7f]{{{MOST_MARKS + 1},}}")


def storable(text: str) -> str:
    """`text` as every table, file and store can hold it: U+FFFD in place of lone surrogates and of U+0000."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # halves that belong together are joined
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def storable_in(value: Any) -> Any:
    """A plain value with every string in its lists and dicts `storable`."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable_in(key): storable_in(item) for key, item in value.items()}
    return [storable_in(item) for item in value] if isinstance(value, list | tuple) else value


_PLAIN = bytes(range(0x20, 0x7F))


def is_plain(text: str) -> bool:
    """Whether `text` is of printable ASCII and nothing else; told at a tenth of the price of `isprintable`."""
    return text.isascii() and not text.encode("ascii").translate(None, _PLAIN)


def visible(text: str) -> str:
    """`text` in Unicode NFC, with plain spaces and line breaks, without characters that nobody sees.

    Gone are controls and terminal sequences, zero-width and direction marks, soft hyphens, and joiners and variation
    selectors where no emoji and no script needs them. Applying it twice changes nothing; the result is `storable`.
    """
    if is_plain(text):
        return text
    text = storable(text.replace("\0", "")).replace("\r\n", "\n").replace("\r", "\n")
    text = text.translate(_BREAKS).translate(_SPACES)
    text = _INVISIBLE.sub(lambda found: found[1] or "", text)
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _CROWD.sub(_thinned, text))


_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_LAYERS = 3


def without_entities(text: str) -> str:
    """`text` with HTML's `&quot;`, `&#39;` and their kind decoded, also such as were encoded twice or thrice."""
    for _ in range(_LAYERS):
        if "&" not in text:
            break
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    return text


def _thinned(crowd: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in crowd[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)
