"""What stands in a text column and is no text: words for nothing, and the marks of web pages and chat templates.

Entities are decoded and HTML tags taken out before a text is normalised. Not here: what makes a good seed.
"""

import html
import re
import unicodedata

# The semicolon may be missing after the ones that everybody knows. Digits are bounded: html.unescape is not.
_ENTITY = re.compile(
    r"&(?:#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};"
    r"|(?:amp|quot|lt|gt|nbsp|apos|#0?39|#0?34|#x27|#x22)(?![\w=;]))"
)
_INLINE = "a abbr b big cite code del em font i ins kbd mark q s samp small span strike strong sub sup tt u wbr"
_BLOCKS = (
    "article aside blockquote body br caption center dd div dl dt embed figcaption figure footer form h1 h2 h3 h4 h5 "
    "h6 head header hr html iframe img input li link main meta nav ol option p pre script section select source style "
    "svg table tbody td tfoot th thead title tr ul video"
)
_TAG = re.compile(
    rf"</?(?:({_INLINE.replace(' ', '|')})|{_BLOCKS.replace(' ', '|')})(?:[\s/][^<>]*)?>|<!--[^<>]*-->", re.IGNORECASE
)
_CHAT = re.compile(
    r"<\|[^<>|]{0,60}\|>|\[/?INST\]|<</?SYS>>"
    r"|</?(?:image|audio|pad|unk|bos|eos|think|tool_call|start_of_turn|end_of_turn|im_start|im_end)>",
    re.IGNORECASE,
)
_ROUNDS = 5
_EDGES = " \t\"'`“”‘’«»<>()[]{}.,;:!?#\\-_*/=|~"


def without_markup(text: str) -> str | None:
    """`text` with its entities decoded and its HTML tags taken out; None when layer after layer comes to light."""
    if "&" not in text and "<" not in text:
        return text
    for _ in range(_ROUNDS):
        before = text
        text = _TAG.sub(_gap, _ENTITY.sub(lambda match: html.unescape(match[0].rstrip(";") + ";"), text))
        if text == before:
            return text
    return None


def _gap(match: re.Match[str]) -> str:
    return "" if match[1] else " "


def chat_mark(text: str) -> str | None:
    """A mark of chat templates in `text`, which would steer the model that reads it or break a trainer's masking."""
    found = _CHAT.search(text) if "<" in text or "[" in text else None
    return found[0] if found else None


def says_nothing(text: str, words: frozenset[str]) -> bool:
    """Whether a normalised text is punctuation alone, or one of `words` (in small letters) in any case or brackets.

    Emoji are no punctuation. Without any words every text says something.
    """
    if not words:
        return False
    if len(text) <= 100:
        folded = unicodedata.normalize("NFKC", text).casefold()
        if folded in words or folded.strip(_EDGES) in words:
            return True
    return not any(unicodedata.category(c)[0] in "LNM" or unicodedata.category(c) == "So" for c in text)
