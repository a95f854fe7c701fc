"""From a draft to a caption in another language than English: the gates that hold for every language.

As in English (gates.py) whole sentences are taken away, the last one when it was cut off and such as only repeat, and
too many of them refuse the draft. What English words call for is off: `curation.languages.OFF`.
"""

from __future__ import annotations

from unicorn_assets.curation import prose
from unicorn_assets.curation.languages import ASKS, ends, length_in, name_of, reads_as, sentences_in, units
from unicorn_assets.curation.words import ngrams, share_in
from unicorn_assets.llm.row import Rejected
from unicorn_assets.recipe import CaptionGates
from unicorn_assets.text import visible, without_entities


def caption_in(language: str, answer: str, seed: str, gates: CaptionGates) -> str:
    """The caption in a model's answer to `seed`; raises Rejected with a reason code."""
    text = visible(without_entities(answer)).strip().strip('"“”„«»').strip()
    if not text:
        raise Rejected("empty", "The answer is empty.")
    for fault in (prose.markup(text), prose.chat_mark(text), prose.emphasis(text)):
        if fault is not None:
            raise Rejected(*fault)
    if "\n" in text:
        raise Rejected("not_plain_text", "Write one paragraph.")
    if not reads_as(text, language):
        raise Rejected("wrong_language", f"Write in {name_of(language)}.")
    caption = _joined(_kept(text, language, gates))
    count = length_in(caption)
    if count < gates.min_words:
        raise Rejected("too_short", f"{count} words after trimming; write at least {gates.min_words}.")
    if count > gates.max_words:
        raise Rejected("too_long", f"{count} words; write at most {gates.max_words}.")
    said = units(caption, language)
    grams = ngrams(said, 3)
    if grams and 1 - len(set(grams)) / len(grams) > gates.max_repeated_trigrams:
        raise Rejected("repetitive", "Many runs of words occur more than once.")
    wanted = list(dict.fromkeys(units(seed, language)))
    if share_in(wanted, set(said)) < gates.min_seed_overlap:
        missing = [unit for unit in wanted if unit not in said]
        raise Rejected("ungrounded", f"Keep what the seed names; missing: {', '.join(missing)}.")
    return caption


def _kept(text: str, language: str, gates: CaptionGates) -> list[str]:
    parts = sentences_in(text)
    if not ends(parts[-1]):
        parts.pop()
    if not parts:
        raise Rejected("cut_off", "The first sentence does not end.")
    kept, told = list[str](), set[str]()
    for part in parts:
        own = set(units(part, language))
        new = own - told
        if part.endswith(ASKS) or (kept and 3 * len(new) < len(own)):
            continue
        kept.append(part)
        told |= own
    if not kept or len(parts) - len(kept) > gates.max_faulty_sentences * len(parts):
        raise Rejected("repetitive", "Sentences say again what earlier ones have said, or ask.")
    return kept[: gates.max_sentences]


def _joined(parts: list[str]) -> str:
    """With spaces where the script has them."""
    found = parts[0]
    for part in parts[1:]:
        found += part if found[-1] in "。！？｡」』）" else f" {part}"
    return found
