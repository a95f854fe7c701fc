"""Gates that any generated prose must pass, whichever stage asked for it.

Each gate returns what is wrong as a `Fault`, or None. They are lists of plain signs, strict by intent: refusing a good
sentence costs a few tokens, letting a bad one through costs trust. Not here: gates of one stage.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from unicorn_assets.curation.signs import has, of_word, sign
from unicorn_assets.curation.words import (
    FUNCTION_WORDS,
    by_word,
    ngrams,
    stem,
    word_set,
    words,
)
from unicorn_assets.text import is_plain


class Fault(NamedTuple):
    """What is wrong with a text: a reason code and a sentence for people and for a corrective draft."""

    reason: str
    detail: str


_REFUSAL = re.compile(
    r"\b(?:i'?m sorry|i am sorry|i apologi[sz]e|as an ai|as a language model|i (?:can(?:no|')t|am unable|am not able)|"
    r"i do(?:n'?t| not) have (?:access|enough)|happy to help|how can i help|cannot (?:assist|provide|help)|"
    r"not possible to (?:fulfil|comply|provide)|(?:fulfil|with) this request)",
    re.IGNORECASE,
)
_FIRST = re.compile(r"\bI(?:'(?:m|ve|d|ll))?\b|\b(?:[Ww]e|[Mm]y|[Mm]e|[Oo]ur|[Uu]s|[Mm]yself|[Oo]urselves)\b")
_SINGULAR = re.compile(r"\bI(?:'(?:m|ve|d|ll))?\b|\b(?:[Mm]y|[Mm]e|[Mm]yself)\b")
_SECOND = re.compile(r"\b(?:you(?:'(?:re|ve|d|ll))?|yours?|yourself)\b", re.IGNORECASE)
_MARKUP = re.compile(r"\*\*|^ *(?:[-*•#>]|\d+[.)]) |```|https?://|<[a-z/|]|[{}\\|]|\[[^\]]*\]\(", re.MULTILINE)
_EMPHASIS = re.compile(
    r"\[[^\[\]\n]{0,30}\]|[][*`^]|(?<!\w)_\w+|~~|==|(?<!\w)[#@][^\W\d]"  # '#7' on a shirt is plain, '#red' is a tag
    r"|(?<!\w)([~=+$]{1,3})[^\W\d].{0,80}?\1(?!\w)"  # one mark on either side of words
)
_TURN_MARK = re.compile(r"<\|[^|<>]*\|?>|</?s>|<(?:start|end)_of_turn>|\[/?(?:INST|SYS)\]|<</?SYS>>")
_CHAT_MARK = re.compile(
    r"""<[^\s\d=]|\|>|<<|>>|\#\#|\[/?(?:INST|SYS|SYSTEM_PROMPT|IMG|IMAGE|THINK|TOOL_CALLS|AVAILABLE_TOOLS)\]
    |\b(?:USER|ASSISTANT|SYSTEM|HUMAN|GPT|BOT|INSTRUCTION|RESPONSE)\s?:  # as Vicuna, LLaVA and Alpaca write turns
    |\b(?:User|Assistant|Human)\s?:
    |(?:^|[.!?"'”’)\]]\s|\n)\s?(?i:user|assistant|human|system|gpt|bot|ai|model|instruction|response)\s?:
    |&(?:\#\d+|\#[xX][0-9a-fA-F]+|[A-Za-z]\w{1,31});  # an entity that nobody decodes""",
    re.VERBOSE,
)
_DIGIT = re.compile(r"\d")
_TIME = re.compile(r"\b\d{1,2}[:.]\d\d\b")
_SPACE, _LETTERS = string.whitespace.encode(), string.ascii_letters.encode()
_SPACED = _LETTERS + b" "
_FOREIGN = re.compile(r"[^\x09\x0a\x20-\x7e\u00a0-\u024f\u2010-\u201f\u2026\u2032\u2033°×½¼¾]")
_ODD = re.compile(r"([^\W\d])\1\1|\d[a-z]{3,}\d")
_META = re.compile(
    r"\b(?:captions?|prompts?|passages?|paragraphs?|text (?:says|states|describes|mentions)|(?:the|this|given) text|"
    r"(?:the|this|given) description|(?:as |is )?(?:mentioned|described|stated|according to))\b|"
    r"\b(?:the|this) (?:image|picture|photo|photograph|scene|illustration)s? "
    r"(?:is of|shows?|showing|depicts?|captures?|features?|contains?|portrays?|presents?|describes?|illustrates?)\b|"
    r"\b(?:photo|picture|image|photograph) (?:is|was) taken\b|\bphotographers? captur|"
    r"\b(?:in|of) (?:the|this) (?:image|picture|photo|photograph)\b",
    re.IGNORECASE,
)
_REFUSES = sign(
    "sorry|apologi[sz]e|ai|language|can(?:no|')t|unable|able|access|enough|help|assist|provide|possible|request"
)
_ROLE = sign("user|assistant|human|system|gpt|bot|ai|model|instruction|response")
_PERSON = sign(r"(?:i|we|my|me|our|us|myself|ourselves|you|yours?|yourself)(?:'\w+)?")
_OF_MEDIUM = sign(
    r"""(?:caption|prompt|passage|paragraph|image|picture|photo|photograph|scene|illustration)s?|text|description|
    mentioned|described|stated|according|photographers?"""
)
_OF_TEXT = sign(
    "(?:word|sentence|phrase|question|answer|text|writer|author|narrator|detail)s?|information|context|above"
)
_ODD_WORD = sign(rf".{{25,}}|.*(?:{_ODD.pattern}).*")
_SAYING = sign("is|are|wears|wear|has")
_TALK = _REFUSES | _PERSON | _OF_MEDIUM
_NOISE = _REFUSES | _ROLE | _PERSON | _OF_MEDIUM | _OF_TEXT | _ODD_WORD
_MARKS = re.compile(r"[][*`^_~=+$#@<>|{}\\&•:\n]")
_CAPITALS = re.compile("[A-Z]{2}")
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”|\b[A-Z]{2,}(?:[ ,]+[A-Z]{2,})+\b')  # a sign may be written in capitals
_ITEM = re.compile(r" *(?:-|\d+[.)]) ")


_MARK_BYTES = b"][*`^_~=+$#@<>|{}\\&\n:"


@lru_cache(2048)
def _marks(text: str) -> frozenset[str]:
    """The characters that only marks are made of, and plain prose has hardly any of."""
    if text.isascii():
        plain = text.encode("ascii")
        if len(plain.translate(None, _MARK_BYTES)) == len(plain):
            return frozenset()
    return frozenset(_MARKS.findall(text))


@lru_cache(2048)
def clean(text: str) -> bool:
    """Whether no word, mark or character calls for a look by a gate on any text: the usual case, told at once."""
    return all_clean([text])


def all_clean(texts: Sequence[str]) -> bool:
    """Whether all texts are `clean`, told of all together."""
    joined = " ".join(texts)
    if not is_plain(joined):
        return False
    for text in texts:
        if has(text, _NOISE) or (text[:1] in " -0123456789" and _ITEM.match(text)):
            return False
    rest = joined.encode("ascii").translate(None, _SPACED)
    return len(rest.translate(None, _MARK_BYTES)) == len(rest) and all(map(_of_letters, texts))


def _of_letters(text: str) -> bool:
    plain = text.encode("ascii")
    rest, bare = len(plain.translate(None, _SPACED)), len(plain) - plain.count(b" ")
    return (bare > rest and (bare < 20 or 5 * rest <= bare)) or garbled(text) is None


def markup(text: str) -> Fault | None:
    """Lists, headings, code, links or braces instead of plain prose."""
    marks = _marks(text)
    if not marks.isdisjoint("<[") and _TURN_MARK.search(text):
        return chat_mark(text)
    found = (not marks.isdisjoint("*`<{}\\|[\n:#>•") or _ITEM.match(text)) and _MARKUP.search(text)
    return Fault("not_plain_text", f"Write plain sentences, without {found.group(0).strip()!r}.") if found else None


def emphasis(text: str) -> Fault | None:
    """`*stress*`, `_stress_`, `~~struck~~`, `code`, `$formulas$`, `#tags`, `[placeholders]`: marks that no plain
    sentence has. Quotation marks are none.
    """
    found = not _marks(text).isdisjoint("][*`^_~=+$#@") and _EMPHASIS.search(text)
    return Fault("not_plain_text", f"Write plain sentences, without {found.group(0)!r}.") if found else None


def chat_mark(text: str) -> Fault | None:
    """Words and marks by which trainers and chat templates tell whose turn it is, and other markup: they would break
    the masking of a record. 'A user: manual lies open' is none: it needs a capital, or the start of a sentence.
    """
    marks = _marks(text)
    if marks.isdisjoint("<>|#[&") and not (":" in marks and has(text, _ROLE)):
        return None
    found = _TURN_MARK.search(text) or _CHAT_MARK.search(text)
    return Fault("chat_mark", f"Write what is there, without {found.group(0).strip()!r}.") if found else None


def garbled(text: str) -> Fault | None:
    """Characters outside Latin script and common punctuation, nothing but punctuation, or hardly any letters."""
    found = None if is_plain(text) else _FOREIGN.search(text)
    if found:
        return Fault("garbled", f"Write English only; {found.group(0)!r} does not belong there.")
    bare = (_TIME.sub("", text) if _DIGIT.search(text) else text).encode("ascii", "replace").translate(None, _SPACE)
    if not words(text) or (len(bare) >= 20 and len(bare.translate(None, _LETTERS)) > 0.2 * len(bare)):
        return Fault("garbled", "Less than 80 % of the characters are letters.")
    if not has(text, _ODD_WORD):
        return None
    odd = next(word for word in words(text) if of_word(word) & _ODD_WORD)
    return Fault("garbled", f"{odd!r} is not a word.")


def refusal(text: str) -> Fault | None:
    """The model talks about itself or declines."""
    found = has(text, _REFUSES) and _REFUSAL.search(text)
    return Fault("refusal", f"Do the task; do not say {found.group(0)!r}.") if found else None


def person(text: str, *, we: bool = False) -> Fault | None:
    """First or second person; `we` allows 'how can we tell', which means anybody."""
    if not has(text, _PERSON):
        return None
    text = unquoted(text)
    found = has(text, _PERSON) and ((_SINGULAR if we else _FIRST).search(text) or _SECOND.search(text))
    return Fault("person", f"Do not write {found.group(0)!r}: nobody speaks or is addressed.") if found else None


def meta(text: str) -> Fault | None:
    """Talk about the caption or the picture instead of what is in it. 'A photo of a dog' is allowed, 'the photo
    shows' and 'in this image' are not: the reader of the record sees the picture, not a text about one."""
    if not has(text, _OF_MEDIUM):
        return None
    text = unquoted(text)
    found = has(text, _OF_MEDIUM) and _META.search(text)
    return Fault("meta_mention", f"Do not write {found.group(0)!r}; speak of the things themselves.") if found else None


_COMMAND = re.compile(
    r"(?:(?:then|please|also|finally|first|next|now|here),? |to [\w ]+, )?(?:write|describe|make sure|be sure|do not|"
    r"don't|avoid|include|mention|keep (?:to|it|in)|use|start with|start by|begin with|begin by|finish with|end with|"
    r"focus on|remember to|note that|note how|try to|ensure|take care|go on to|check|name|imagine|give|add|state|"
    r"specify|refrain) ",
    re.IGNORECASE,
)
_COMMANDS = sign(
    """write|describe|make|be|do|don't|avoid|include|mention|keep|use|start|begin|finish|end|focus|remember|note|try|
    ensure|take|go|check|name|imagine|give|add|state|specify|refrain"""
)


def command(text: str) -> Fault | None:
    """'Make sure that three details are included': what a prompt says, not what can be seen."""
    found = has(text, _COMMANDS) and _COMMAND.match(text)
    return Fault("meta_mention", f"Describe; do not give orders such as {found.group(0).strip()!r}.") if found else None


def talk(text: str) -> Fault | None:
    """A model that declines, speaks of itself or its reader, or of the caption, or says what a prompt says."""
    return (refusal(text) or person(text) or meta(text) if has(text, _TALK) else None) or command(text)


@lru_cache(2048)
def unquoted(text: str) -> str:
    """`text` without what stands in quotation marks: a sign may say anything."""
    return _QUOTED.sub('"', text) if '"' in text or "“" in text or _CAPITALS.search(text) else text


def echo(text: str, prompt_grams: frozenset[tuple[str, ...]], size: int = 5) -> Fault | None:
    """A run of `size` words that stands in the prompt's own text (its instructions and examples)."""
    plain = words(text)
    if _anchors(prompt_grams).isdisjoint(plain) or _beginnings(prompt_grams).isdisjoint(pairwise(plain)):
        return None
    found = next((gram for gram in ngrams(plain, size) if gram in prompt_grams), None)
    if found is None:
        return None
    return Fault("prompt_echo", f"{' '.join(found)!r} is copied from the instructions.")


@lru_cache(64)
def _beginnings(grams: frozenset[tuple[str, ...]]) -> frozenset[tuple[str, ...]]:
    """The first two words of each run: most texts have none of these, and need no look at longer runs."""
    return frozenset(gram[:2] for gram in grams)


@lru_cache(64)
def _anchors(grams: frozenset[tuple[str, ...]]) -> frozenset[str]:
    """A few words of which each run has one: those first that stand in most of the runs that have none yet."""
    found, left = set[str](), list(grams)
    while left:
        counts = Counter(word for gram in left for word in set(gram) - FUNCTION_WORDS)
        best = max(counts, key=lambda word: (counts[word], word)) if counts else left[0][0]
        found.add(best)
        left = [gram for gram in left if best not in gram]
    return frozenset(found)


def grams_of(text: str, size: int = 5) -> frozenset[tuple[str, ...]]:
    """The word runs of a prompt that `echo` looks for; runs of function words alone are left out."""
    return frozenset(
        gram for gram in ngrams(words(text), size) if sum(word not in FUNCTION_WORDS for word in gram) >= 2
    )


def numbers(text: str) -> list[str]:
    """Numbers in `text` as digits or number words, in order."""
    return [word for word in words(text) if word.isdigit() or word in NUMBERS]


_BROKEN = re.compile(
    r"\b(?:an?|the) an?\b|\ba (?:two|three|four|five|six|several|many)\b(?!-)|\bmade of (?:an? )?(?:wooden|golden|"
    r"black|white|gr[ea]y|red|blue|green|yellow|orange|purple|pink|brown)(?=[,.;]| and)|\b(?:is|are) (?:is|are)\b",
    re.IGNORECASE,
)


_ODD_RUN = re.compile("[ait][ai]|an|bb|mo")  # of words by their kinds: articles, 'the', numbers, 'is', 'made', 'of'
_KINDS = {"a": "a", "an": "i", "the": "t", "made": "m", "of": "o", "is": "b", "are": "b"}
_KINDS |= dict.fromkeys(("two", "three", "four", "five", "six", "several", "many"), "n")
_kinds = by_word(lambda word: _KINDS.get(word, " "))


def broken_grammar(text: str) -> Fault | None:
    """A few mistakes that only weak models make: 'a three apples', 'made of white', 'the a'."""
    found = _ODD_RUN.search("".join(_kinds(text))) and _BROKEN.search(text)
    return Fault("garbled", f"{found.group(0)!r} is not English.") if found else None


NUMBERS = word_set("one two three four five six seven eight nine ten eleven twelve dozen single pair several many few")
COLOURS = word_set(
    """black white grey gray red blue green yellow orange purple pink brown golden gold silver beige tan turquoise
    violet maroon cream copper bronze teal crimson scarlet tawny ivory navy lilac lavender khaki olive ochre indigo
    mauve magenta burgundy amber rust mint charcoal mustard"""
)
COLOUR_STEMS = frozenset(stem(colour) for colour in COLOURS)
