"""From a draft to a caption: what is trimmed, what is refused, and why.

Trimming only ever takes whole sentences away: the last one when it was cut off, sentences after the first that tell
nothing visible, repeat, contradict or copy the prompt, and those beyond `max_sentences`. Too many such sentences, or a
faulty first one, refuse the whole draft. What is left must pass the gates as if it had been written so.
"""

from __future__ import annotations

import re
from collections import Counter

from unicorn_assets.curation import prose
from unicorn_assets.curation.attributes import attributes
from unicorn_assets.curation.prose import COLOUR_STEMS, Fault
from unicorn_assets.curation.words import (
    MEDIUM_WORDS,
    content,
    names_person,
    sentences,
    share_in,
    stem,
    word_set,
    words,
)
from unicorn_assets.llm.row import Rejected
from unicorn_assets.recipe import CaptionGates
from unicorn_assets.text import visible, without_entities

_MOST_CHARACTERS = 10_000
Grams = frozenset[tuple[str, ...]]

# Words of judgement that a seed may hold; a caption must not repeat them.
_OPINION = word_set("delicious tasty beautiful cute pretty nice lovely fresh freshly homemade generous helping")


def caption_of(answer: str, seed: str, gates: CaptionGates, prompt_grams: Grams) -> str:
    """The caption in a model's answer to `seed`; raises Rejected with a reason code."""
    answer = visible(without_entities(answer))
    if len(answer) > max(_MOST_CHARACTERS, 20 * gates.max_words):
        raise Rejected("too_long", f"{len(answer):,} characters; write one paragraph.")
    text = " ".join(answer.split()) if "\n" not in answer.strip() else answer.strip()
    text = text.strip('"“” ') if text[:1] in '"“' else text
    if not text:
        raise Rejected("empty", "The answer is empty.")
    for fault in (prose.refusal(text), prose.markup(text), prose.chat_mark(text), prose.emphasis(text)):
        _refuse(fault)
    if "\n" in text:
        raise Rejected("not_plain_text", "Write one paragraph.")
    _refuse(prose.garbled(text))
    kept = _kept_sentences(text, gates, prompt_grams)
    caption = " ".join(kept)
    count = len(caption.split())
    if count < gates.min_words:
        raise Rejected("too_short", f"{count} words after trimming; write at least {gates.min_words}.")
    if count > gates.max_words:
        raise Rejected("too_long", f"{count} words; write at most {gates.max_words}.")
    repeated = prose.repeated_trigrams(caption)
    if repeated > gates.max_repeated_trigrams:
        raise Rejected("repetitive", f"{repeated:.0%} of the word triples occur more than once.")
    _refuse(ungrounded(caption, seed, gates.min_seed_overlap))
    return caption


def ungrounded(caption: str, seed: str, min_overlap: float) -> Fault | None:
    """Whether the caption has lost its seed: the share of the seed's content words that return in it."""
    left_out = {stem(word) for word in MEDIUM_WORDS | _OPINION}
    wanted = list(dict.fromkeys(word for word in content(seed) if word not in left_out))
    share = share_in(wanted, set(content(caption)))
    if share >= min_overlap:
        return None
    missing = [word for word in words(seed) if stem(word) in set(wanted) - set(content(caption))]
    return Fault("ungrounded", f"Keep what the seed names; missing: {', '.join(missing)}.")


def _kept_sentences(text: str, gates: CaptionGates, prompt_grams: Grams) -> list[str]:
    parts = sentences(text)
    if not parts[-1].rstrip("\"”'’)").endswith((".", "!", "?")):
        parts.pop()
        if not parts:
            raise Rejected("cut_off", "The first sentence does not end.")
    kept: list[str] = []
    faults: list[Fault] = []
    for part in parts:
        if len(kept) == gates.max_sentences:
            break
        fault = _sentence_fault(part, kept, prompt_grams)
        if fault is None:
            kept.append(part)
        elif not kept:
            raise Rejected(*fault)
        else:
            faults.append(fault)
    seen = len(kept) + len(faults)
    if faults and len(faults) / seen > gates.max_faulty_sentences:
        (reason, count), *_ = Counter(fault.reason for fault in faults).most_common(1)
        detail = next(fault.detail for fault in faults if fault.reason == reason)
        raise Rejected(reason, f"{len(faults)} of {seen} sentences are faulty, {count} so: {detail}")
    return kept


def _sentence_fault(part: str, kept: list[str], prompt_grams: Grams) -> Fault | None:
    return (
        prose.refusal(part)
        or prose.person(part)
        or prose.meta(part)
        or prose.non_visual(part)
        or prose.stutter(part)
        or prose.echo(part, prompt_grams)
        or prose.broken_grammar(part)
        or prose.circular(part)
        or implausible(part, kept)
        or (Fault("question", "Write statements.") if part.endswith("?") else None)
        or (nothing_new(part, kept) or contradiction(part, kept) if kept else None)
    )


def nothing_new(part: str, kept: list[str]) -> Fault | None:
    """A sentence must bring at least two content words, and half of its own, that the ones before it lack."""
    before = {word for sentence in kept for word in content(sentence)}
    own = list(dict.fromkeys(content(part)))
    new = [word for word in own if word not in before]
    if len(new) >= 2 and len(new) * 2 >= len(own):
        return None
    return Fault("repetitive", "A sentence says again what an earlier one has said.")


def implausible(part: str, kept: list[str]) -> Fault | None:
    """Clothes without a person to wear them, or a being or a thing already named that is worn all of a sudden."""
    wears = _WEARS.search(part)
    if wears is None:
        return None
    if not names_person(" ".join([*kept, part[: wears.start()]])):
        return Fault("implausible", "Nobody is there who could wear something.")
    named = set(content(kept[0])) if kept else set()
    worn = [
        word for word in content(part[wears.end() :]) if word in _BEINGS or (word in named and word not in COLOUR_STEMS)
    ]
    return Fault("implausible", f"{worn[0]!r} is not a thing to wear.") if worn else None


_BEINGS = word_set("cat dog bird horse man woman boy girl child")


_WEARS = re.compile(r"\b(?:wear(?:s|ing)?|dressed in)\b", re.IGNORECASE)


def contradiction(part: str, kept: list[str]) -> Fault | None:
    """'The tractor is white' after 'a green tractor', 'three cups' after 'two cups'."""
    said = dict(pair for sentence in kept for pair in attributes(sentence))
    for noun, (kind, value) in attributes(part):
        earlier = said.get(noun)
        if earlier and earlier[0] == kind and earlier[1] != value and not _OTHERS.search(part):
            return Fault("contradiction", f"{noun!r} is both {earlier[1]} and {value}.")
    return None


_OTHERS = re.compile(r"\b(?:others?|another|second|third|left|right|upper|lower|half|some|one of)\b", re.IGNORECASE)


def _refuse(fault: Fault | None) -> None:
    if fault is not None:
        raise Rejected(*fault)
