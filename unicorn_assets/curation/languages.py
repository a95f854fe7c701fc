"""Other languages than English, as far as a gate can judge them without a model: length, sentences, what a text says.

Words are cut at white space and told by their beginnings, without the stop words of a language that has a list here; a
script without spaces (Chinese, Japanese, Thai) is read in pairs of characters. Sentences end at any script's marks. Not
here: English (words.py), which has rules of its own, and the gates (captions/, instructions/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files

from unicorn_assets.curation.words import FUNCTION_WORDS
from unicorn_assets.recipe import Recipe

ENGLISH = "en"
NAMES = {
    "ar": "Arabic", "cs": "Czech", "de": "German", "es": "Spanish", "fr": "French", "hi": "Hindi", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "ru": "Russian",
    "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""What a language is called in a prompt; another code is given as it is."""


@cache
def stop_words() -> Mapping[str, frozenset[str]]:
    """By language, for those that have a list (stop_words.txt)."""
    lines = (files(__package__) / "stop_words.txt").read_text("utf-8").splitlines()
    return {line.partition(" ")[0]: frozenset(line.split()[1:]) for line in lines}


OFF = (
    "talk of the caption, the model or its reader", "what cannot be seen", "contradictions", "made-up things",
    "colours, numbers and materials", "kinds of answers", "true wrong options",
)  # fmt: skip
"""What the gates look for in English alone."""

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
_RUN = re.compile(f"[{_UNSPACED}]+")
_WORD = re.compile(rf"(?:(?![{_UNSPACED}])[^\W_])+")
_CLOSING = "\"'»”’)」』）】"
_END = re.compile(rf"(?<=[.!?…؟۔।])[{_CLOSING}]*\s+|(?<=[。！？｡])[{_CLOSING}]*\s*(?=\S)")
ENDS = tuple(".!?…؟۔।。！？｡")
ASKS = ("?", "？", "؟", ";")
_BEGINNING = 5  # characters by which two forms of a word are held for one


def name_of(language: str) -> str:
    """The language's English name."""
    return NAMES.get(language.partition("-")[0], f"the language with the code {language}")


def languages_of(recipe: Recipe) -> list[str]:
    """Each source with another language than English, as 'source=language'; none for most recipes."""
    found = ((source.name, recipe.language_of(source.name)) for source in recipe.sources)
    return [f"{name}={language}" for name, language in found if language != ENGLISH]


def asked_in(messages: tuple[dict[str, str], ...], language: str) -> tuple[dict[str, str], ...]:
    """A chat whose last turn says in which language to answer; as it is for English."""
    if language == ENGLISH:
        return messages
    *before, last = messages
    return (*before, {**last, "content": f"{last['content']}\n\nWrite in {name_of(language)}."})


def sentences_in(text: str) -> list[str]:
    """`text` cut behind the marks that end a sentence in any script."""
    return [part for part in map(str.strip, _END.split(text)) if part]


def ends(text: str) -> bool:
    """Whether the last sentence is whole."""
    return text.rstrip(_CLOSING).endswith(ENDS)


def is_unspaced(language: str) -> bool:
    """Whether the language is written without spaces between words."""
    return language.partition("-")[0] in ("ja", "zh", "th", "lo", "km", "my")


def length_in(text: str) -> int:
    """Words; two characters of a script without spaces are one."""
    return len(_WORD.findall(text)) + sum((len(run) + 1) // 2 for run in _RUN.findall(text))


@lru_cache(2048)
def units(text: str, language: str) -> tuple[str, ...]:
    """What a text says, in order: beginnings of words that are no stop words, pairs of characters without spaces."""
    stop = stop_words().get(language.partition("-")[0], frozenset())
    plain = text.lower()
    found = [word[:_BEGINNING] for word in _WORD.findall(plain) if word not in stop and len(word) > 1]
    for run in _RUN.findall(plain):
        found += [run[at : at + 2] for at in range(max(1, len(run) - 1))]
    return tuple(found)


def reads_as(text: str, language: str) -> bool:
    """A guess: not for a text of Latin letters where the language has another script, nor for one with more of
    English's small words than of its own.
    """
    code = language.partition("-")[0]
    unspaced = sum(map(len, _RUN.findall(text)))
    letters = sum(map(str.isalpha, text))
    if is_unspaced(code):
        return 2 * unspaced >= letters
    stop = stop_words().get(code)
    if stop is None:
        return True
    plain = _WORD.findall(text.lower())
    own = sum(word in stop and word not in FUNCTION_WORDS for word in plain)
    return 2 * unspaced <= letters and own >= sum(word in FUNCTION_WORDS and word not in stop for word in plain)
