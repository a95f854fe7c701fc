"""Items of benchmarks planted among our texts, for dedup.py: how many are found, and how many clean rows are refused.

Items are labelled good pairs with some of their words exchanged. Planted is each item that is long enough, in turn
verbatim, with other options, behind a lead, or the first three quarters of its words, options included (of items with
at least 12 words, for the first words of a shorter one are everybody's); every second four inside captions. Clean rows
are captions of the corpus and other labelled pairs, their words exchanged as well.
"""

import json
import random
from collections import Counter
from typing import Any

from corpus import LABELLED, Corpus

from unicorn_assets.curation.leaks import LONG, RUN, Item, Leaks
from unicorn_assets.curation.words import words

ITEMS, CLEAN = 500, 100_000
LEADS = ("Look at the picture and answer:", "Question:", "Consider the scene.", "Choose the best answer.")
WAYS = ("verbatim", "other options", "with a lead", "first part")
FIRST = 0.75  # of the words, of an item whose first part is planted


def pairs() -> list[dict[str, Any]]:
    """Labelled good pairs, in an order that mixes their captions."""
    files = sorted(LABELLED.glob("*/*good_pairs.jsonl"))
    rows = [json.loads(line)["pair"] for file in files for line in file.read_text("utf-8").splitlines()]
    return random.Random(5).sample(rows, len(rows))


def measure(corpus: Corpus, clean: int = CLEAN) -> dict[str, Any]:
    """leaks_found of the planted, leaks_false of `clean` rows, and by way of planting."""
    rng = random.Random(7)
    rows = pairs()
    known, others = rows[::2], rows[1::2]

    def changed(text: str) -> str:
        return " ".join(corpus.exchanged(word, rng) for word in text.split())

    items: list[Item] = []
    while len(items) < ITEMS:
        pair = rng.choice(known)
        options = tuple(changed(option) for option in options_of(pair))
        items.append(Item("planted", str(len(items)), (changed(pair["question"]),), options))
    leaks = Leaks(items)
    lengths = {item: len(words(" ".join([*item.texts, *item.options]))) for item in items}
    long = {way: [item for item in items if lengths[item] >= (LONG if way == "first part" else RUN)] for way in WAYS}
    planted, found = Counter[str](), Counter[str]()
    for number in range(ITEMS):
        way = WAYS[number % len(WAYS)]
        item = long[way][number % len(long[way])]
        question, options = item.texts[0], item.options
        if way == "other options":
            options = tuple(rng.sample(corpus.nouns, 4))
        elif way == "with a lead":
            question = f"{rng.choice(LEADS)} {question}"
        elif way == "first part":
            parts = " ".join([question, *options]).split()
            question, options = " ".join(parts[: round(FIRST * len(parts))]), ()
        in_caption = number // len(WAYS) % 2 == 1
        text = f"{corpus.text(number)} {question} {' '.join(options)}"
        leak = leaks.in_text(text) if in_caption else leaks.in_pair(question, options, "A")
        planted[way] += 1
        found[way] += leak is not None
    false = sum(leaks.in_text(corpus.text(number)) is not None for number in range(clean // 2))
    for _ in range(clean - clean // 2):
        pair = rng.choice(others)
        options = tuple(changed(option) for option in options_of(pair))
        false += leaks.in_pair(changed(pair["question"]), options, changed(str(pair.get("answer", "")))) is not None
    return {
        "leaks_found": round(sum(found.values()) / ITEMS, 4), "leaks_false": false, "clean rows": clean,
        "long enough": round(leaks.tested["planted"], 4),
        "found by way": {way: f"{found[way]} of {planted[way]}" for way in WAYS},
    }  # fmt: skip


def options_of(pair: dict[str, Any]) -> list[str]:
    """The options of a labelled pair; none where it has no options."""
    if "wrong_options" in pair:
        return sorted([str(pair["answer"]), *pair["wrong_options"]])
    options = pair.get("options") or {}
    return [str(text) for text in (options.values() if isinstance(options, dict) else options)]
