"""Texts of benchmarks in our own: an item that a model will be tested with must not be among what it learns from.

An item leaks into a text when the text holds much of it word for word: its question as a whole, half of its runs of
eight words counted by their rarity, or several rare runs of it. Short questions are everybody's; they count only with
their options. Here: items and texts as words. Not here: reading benchmarks (seeds/benchmarks.py).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unicorn_assets.curation.words import ngrams, words

RUN = 8
"""Words in a row that are looked for."""
LONG = 12
"""Words that a text of an item needs before parts of it count; from RUN to this only the whole does."""
SHARE = 0.4
"""Of an item's runs, counted by rarity, from which it has leaked."""
RARE, FEW = 2, 5
"""A run that at most RARE items hold is rare; FEW rare runs of an item, which are 12 words in a row, are a leak, too: a
benchmark's long item whose beginning was taken."""
_SAME_OPTIONS = 0.75


@dataclass(frozen=True)
class Item:
    """An item of a benchmark: a question with its options, a caption, or all of them. No image."""

    benchmark: str
    item_id: str
    texts: tuple[str, ...]
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Leak:
    """What leaked, and how it shows."""

    benchmark: str
    item_id: str
    how: str

    def __str__(self) -> str:
        return f"holds {self.how} of item {self.item_id} of {self.benchmark}"


class Leaks:
    """All items of a recipe's benchmarks, to be looked for in texts."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items: list[Item] = []
        self._whole: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._grams: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
        self._plain: dict[tuple[int, int], tuple[str, ...]] = {}
        self._tested: Counter[str] = Counter()
        for number, item in enumerate(items):
            self._items.append(item)
            lengths = [self._take(number, place, plain) for place, plain in enumerate(_searched(item))]
            self._tested[item.benchmark] += any(length >= RUN for length in lengths)
        self._held = {gram: len({number for number, _ in places}) for gram, places in self._grams.items()}
        self._mass = dict.fromkeys(self._plain, 0.0)
        for gram, places in self._grams.items():
            for place in places:
                self._mass[place] += self._weight(gram)

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def tested(self) -> dict[str, float]:
        """By benchmark, the share of its items that are long enough, with their options, to be found again."""
        counts = Counter(item.benchmark for item in self._items)
        return {name: self._tested[name] / count for name, count in counts.items()}

    def in_text(self, text: str) -> Leak | None:
        """The item that leaked into a caption, or None."""
        return self._in_words(words(text))

    def in_pair(self, question: str, options: Sequence[str], answer: str) -> Leak | None:
        """The item that leaked into a question with its options and answer, or None."""
        asked = words(question)
        for start in range(len(asked)):  # a question may have been led up to
            for number in self._whole.get(asked[start:], ()):
                item = self._items[number]
                if len(asked) - start >= RUN:
                    return Leak(item.benchmark, item.item_id, "the question")
                if _alike(item.options, options):
                    return Leak(item.benchmark, item.item_id, "the question and the options")
        # A run may reach over the end of a question into the options.
        texts = [question, *options] if options else [question, answer]
        return self._in_words(asked) or self._in_words(words(" ".join(texts))) or self._in_words(words(answer))

    def _take(self, number: int, place: int, plain: tuple[str, ...]) -> int:
        if plain:
            self._whole[plain].append(number)
        if len(plain) >= RUN:
            grams = set(ngrams(plain, RUN)) if len(plain) >= LONG else {plain[:RUN]}
            self._plain[number, place] = plain
            for gram in grams:
                self._grams[gram].append((number, place))
        return len(plain)

    def _weight(self, gram: tuple[str, ...]) -> float:
        return math.log((1 + len(self._items)) / self._held[gram])

    def _in_words(self, plain: tuple[str, ...]) -> Leak | None:
        found = [gram for gram in set(ngrams(plain, RUN)) if gram in self._grams] if self._grams else []
        if not found:
            return None
        mass: dict[tuple[int, int], float] = defaultdict(float)
        rare: Counter[tuple[int, int]] = Counter()
        for gram in found:
            for place in self._grams[gram]:
                mass[place] += self._weight(gram)
                rare[place] += self._held[gram] <= RARE
        for place in sorted(mass, key=lambda place: (-mass[place], place)):
            item, whole = self._items[place[0]], self._plain[place]
            if len(whole) < LONG:
                if _holds(plain, whole):
                    return Leak(item.benchmark, item.item_id, "the whole text")
            elif mass[place] >= SHARE * self._mass[place] or rare[place] >= FEW:
                share = mass[place] / self._mass[place] if self._mass[place] else 0.0
                return Leak(item.benchmark, item.item_id, f"{share:.0%} of the text")
        return None


def _searched(item: Item) -> list[tuple[str, ...]]:
    """The words of its texts, and of the last with the options as far as a run reaches from one into the other."""
    found = [words(text) for text in item.texts]
    if item.options:
        found.append((*found[-1], *words(" ".join(item.options))[: RUN - 1]))
    return found


def _holds(plain: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(plain[at : at + len(part)] == part for at in range(len(plain) - len(part) + 1))


def _alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two lists of options are the same but for their order, or one of four."""
    first, second = ({words(option) for option in options} for options in (one, other))
    return len(first) > 1 and len(first & second) >= _SAME_OPTIONS * len(first)
