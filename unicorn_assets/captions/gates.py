"""From a draft to a caption: what is trimmed, what is refused, and why.

Trimming only ever takes whole sentences away: the last one when it was cut off, sentences after the first that tell
nothing visible, repeat, contradict or copy the prompt, and those beyond `max_sentences`. Too many such sentences, or a
faulty first one, refuse the whole draft. What is left must pass the gates as if it had been written so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

from unicorn_assets.captions.contradictions import contradiction, scenes_apart
from unicorn_assets.curation import prose, repetition
from unicorn_assets.curation.attributes import seen_share
from unicorn_assets.curation.prose import COLOUR_STEMS, Fault
from unicorn_assets.curation.things import names_person
from unicorn_assets.curation.unseen import non_visual, shows_little
from unicorn_assets.curation.words import (
    MEDIUM_WORDS,
    content,
    content_set,
    sentences,
    share_in,
    stem,
    word_set,
    words,
)
from unicorn_assets.llm.row import Rejected
from unicorn_assets.recipe import CaptionGates
from unicorn_assets.text import is_plain, visible, without_entities

_MOST_CHARACTERS = 10_000
_LEAST_SEEN = 0.11  # of the words of a caption: good ones have 0.24 in the mean, histories half of it
Grams = frozenset[tuple[str, ...]]

# Words of judgement that a seed may hold; a caption must not repeat them.
_OPINION = word_set("delicious tasty beautiful cute pretty nice lovely fresh freshly homemade generous helping")
_NEED_NOT_RETURN = frozenset(stem(word) for word in MEDIUM_WORDS | _OPINION)


def caption_of(answer: str, seed: str, gates: CaptionGates, prompt_grams: Grams) -> str:
    """The caption in a model's answer to `seed`; raises Rejected with a reason code."""
    answer = visible(without_entities(answer))
    if len(answer) > max(_MOST_CHARACTERS, 20 * gates.max_words):
        raise Rejected("too_long", f"{len(answer):,} characters; write one paragraph.")
    text = answer.strip()
    if not _is_even(text) and "\n" not in text:
        text = " ".join(text.split())
    text = text.strip('"“” ') if text[:1] in '"“' else text
    if not text:
        raise Rejected("empty", "The answer is empty.")
    if not prose.clean(text):
        for fault in (prose.refusal(text), prose.markup(text), prose.chat_mark(text), prose.emphasis(text)):
            _refuse(fault)
        if "\n" in text:
            raise Rejected("not_plain_text", "Write one paragraph.")
        _refuse(prose.garbled(text))
    kept = _kept_sentences(text, gates, prompt_grams)
    caption = " ".join(kept)
    count = caption.count(" ") + 1 if _is_even(caption) else len(caption.split())
    if count < gates.min_words:
        raise Rejected("too_short", f"{count} words after trimming; write at least {gates.min_words}.")
    if count > gates.max_words:
        raise Rejected("too_long", f"{count} words; write at most {gates.max_words}.")
    repeated = repetition.repeated_trigrams(caption)
    if repeated > gates.max_repeated_trigrams:
        raise Rejected("repetitive", f"{repeated:.0%} of the word triples occur more than once.")
    if not gates.strict:
        if seen_share(caption) < _LEAST_SEEN:
            raise Rejected("non_visual", "Too few words name what can be seen; describe things, colours, places.")
        _refuse(shows_little(sentences(text)))
    _refuse(ungrounded(caption, seed, gates.min_seed_overlap))
    return caption


def _is_even(text: str) -> bool:
    """Whether the words of a text are known to stand one space apart."""
    return "  " not in text and is_plain(text)


def ungrounded(caption: str, seed: str, min_overlap: float) -> Fault | None:
    """Whether the caption has lost its seed: the share of the seed's content words that return in it."""
    wanted = list(dict.fromkeys(word for word in content(seed) if word not in _NEED_NOT_RETURN))
    held = content_set(caption)
    share = share_in(wanted, held)
    if share < min_overlap:  # 'chessboard' keeps 'chess'
        share = share_in(wanted, [word for word in wanted if word in held or (len(word) > 3 and _inside(word, held))])
    if share >= min_overlap:
        return None
    missing = [word for word in words(seed) if stem(word) in set(wanted) - content_set(caption)]
    return Fault("ungrounded", f"Keep what the seed names; missing: {', '.join(missing)}.")


def _inside(word: str, held: Collection[str]) -> bool:
    return any(word in other for other in held)


def _kept_sentences(text: str, gates: CaptionGates, prompt_grams: Grams) -> list[str]:
    parts = list(sentences(text))
    if not parts[-1].rstrip("\"”'’)").endswith((".", "!", "?")):
        parts.pop()
        if not parts:
            raise Rejected("cut_off", "The first sentence does not end.")
    kept: list[str] = []
    told: set[str] = set()
    faults: list[Fault] = []
    for part in parts:
        if len(kept) == gates.max_sentences:
            break
        fault = _sentence_fault(part, kept, told, prompt_grams, strict=gates.strict)
        if fault is None:
            kept.append(part)
            told |= content_set(part)
        elif not kept or (fault.reason in _SPOILS and not gates.strict):
            raise Rejected(*fault)
        else:
            faults.append(fault)
    if not gates.strict:
        _refuse(scenes_apart(kept))
    seen = len(kept) + len(faults)
    if faults and len(faults) / seen > gates.max_faulty_sentences:
        (reason, count), *_ = Counter(fault.reason for fault in faults).most_common(1)
        detail = next(fault.detail for fault in faults if fault.reason == reason)
        raise Rejected(reason, f"{len(faults)} of {seen} sentences are faulty, {count} so: {detail}")
    return kept


_SPOILS = ("contradiction", "prompt_echo")
"""One such sentence refuses an able model's draft: nobody can tell which of two is right, or what else was copied."""


def _sentence_fault(part: str, kept: list[str], told: set[str], prompt_grams: Grams, *, strict: bool) -> Fault | None:
    return (
        prose.talk(part)
        or non_visual(part, strict=strict)
        or repetition.stutter(part)
        or prose.echo(part, prompt_grams)
        or prose.broken_grammar(part)
        or repetition.circular(part)
        or (implausible(part, kept) if strict else None)
        or (Fault("question", "Write statements.") if part.endswith("?") else None)
        or (_against(part, kept, told, strict=strict) if kept else None)
    )


def _against(part: str, kept: list[str], told: set[str], *, strict: bool) -> Fault | None:
    """What is wrong with a sentence beside those before it."""
    if strict:
        return nothing_new(part, told, strict=True) or contradiction(part, kept, strict=True)
    return contradiction(part, kept, strict=False) or nothing_new(part, told, strict=False)


def nothing_new(part: str, told: set[str], *, strict: bool) -> Fault | None:
    """A sentence must bring two content words that were not `told`, and half of its own; a third unless strict."""
    own = content_set(part)
    new = len(own - told)
    if new >= 2 and new * (2 if strict else 3) >= len(own):
        return None
    return Fault("repetitive", "A sentence says again what an earlier one has said.")


def implausible(part: str, kept: list[str]) -> Fault | None:
    """Clothes without a person to wear them, or a being or a thing already named that is worn all of a sudden."""
    wears = None if _CLOTHED.isdisjoint(words(part)) else _WEARS.search(part)
    if wears is None:
        return None
    if not names_person(" ".join([*kept, part[: wears.start()]])):
        return Fault("implausible", "Nobody is there who could wear something.")
    named = content_set(kept[0]) if kept else frozenset[str]()
    worn = [
        word for word in content(part[wears.end() :]) if word in _BEINGS or (word in named and word not in COLOUR_STEMS)
    ]
    return Fault("implausible", f"{worn[0]!r} is not a thing to wear.") if worn else None


_BEINGS = word_set("cat dog bird horse man woman boy girl child")


_CLOTHED = word_set("wear wears wearing dressed")
_WEARS = re.compile(r"\b(?:wear(?:s|ing)?|dressed in)\b", re.IGNORECASE)


def _refuse(fault: Fault | None) -> None:
    if fault is not None:
        raise Rejected(*fault)
