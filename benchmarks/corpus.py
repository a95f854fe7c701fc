"""Captions of the paper's length, any number of them, each from its number alone: what dedup.py searches.

Sentences are those of the labelled good captions with half of their longer words exchanged for other nouns. Of a
hundred captions one is an edit of an earlier one. Not here: measuring.
"""

import json
import random
from pathlib import Path

from unicorn_assets.curation.words import sentences

ROOT = Path(__file__).parents[1]
LABELLED = ROOT / "unicorn_assets_tests" / "labelled"
NOUNS = ROOT / "unicorn_assets" / "curation" / "nouns.txt"
WORDS = 118  # that a caption has at least; its last sentence makes them 129 on average
VARIANTS = 64
COPIES = 0.01


class Corpus:
    """`text(n)` is caption n, `base(n)` the caption that it is an edit of, if it is one."""

    def __init__(self) -> None:
        files = sorted(LABELLED.glob("*/good_captions.jsonl"))
        rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
        self.nouns = NOUNS.read_text("utf-8").split()
        rng = random.Random(13)
        self.sentences = [
            " ".join(self.exchanged(word, rng) for word in sentence.split())
            for row in rows for sentence in sentences(row["text"]) for _ in range(VARIANTS)
        ]  # fmt: skip

    def exchanged(self, word: str, rng: random.Random) -> str:
        """The word, or in half of all cases another noun in place of a longer one."""
        exchanged = len(word) > 4 and word.isalpha() and word.islower() and rng.random() < 0.5
        return rng.choice(self.nouns) if exchanged else word

    def base(self, number: int) -> int | None:
        """Of an edit its original, which is none itself."""
        rng = random.Random(f"copy {number}")
        if number < 100 or rng.random() >= COPIES:
            return None
        chosen = rng.randrange(number)
        return chosen if self.base(chosen) is None else None

    def text(self, number: int) -> str:
        """About 129 words."""
        base = self.base(number)
        rng = random.Random(f"text {number}" if base is None else f"edit {number}")
        if base is not None:
            words = self.text(base).split()
            for place in rng.sample(range(len(words)), round(rng.uniform(0.01, 0.17) * len(words))):
                words[place] = rng.choice(self.nouns)
            return " ".join(words)
        found: list[str] = []
        length = 0
        while length < WORDS:
            found.append(self.sentences[int(rng.random() * len(self.sentences))])
            length += found[-1].count(" ") + 1
        return " ".join(found)
