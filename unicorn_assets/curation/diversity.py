"""How varied texts are, as figures that can be compared from release to release.

Each figure is of a sample of a fixed number of texts or of windows of a fixed length, for most of them fall as texts
grow; ABOUT says which. Not here: choosing the sample, vectors beyond their covariance.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from unicorn_assets.curation.things import kinds, things
from unicorn_assets.curation.words import ngrams, words

Words = tuple[str, ...]

SAMPLE = 1000
"""Texts that figures are of; of fewer, each figure is of all there are."""
WINDOW = 50
_HYPOTHESES = 200  # texts of the sample that self_bleu compares with all others of it
_LONG = 8  # words of the runs that count as repetition between texts

ABOUT = {
    "type_token_ratio": "different words over words within a text, mean; the paper has 0.68",
    "token_entropy": "bits of a text's distribution of words, mean; the paper has 6.07",
    f"type_token_ratio_{WINDOW}": f"the same in windows of {WINDOW} words, whatever the texts' length",
    "distinct_1": "different words over all words of the sample",
    "distinct_2": "different pairs of words over all of the sample",
    "distinct_3": "different runs of three words over all of the sample",
    "bigram_entropy": "bits of the distribution of pairs of words over the sample",
    "compression_ratio": "bytes over bytes after zlib, of the sample in one piece; low is varied",
    "self_repetition": f"share of texts with a run of {_LONG} words that another text of the sample has; low is varied",
    "self_bleu": "BLEU-4 of a text against all others of the sample, mean; low is varied",
    "domains": "domains in the sample",
    "domain_evenness": "entropy of the domains over that of as many equal ones",
    "kinds_of_things": "different things and kinds of WordNet that the sample names",
    "vendi": "number of as many equally different vectors: exp of the entropy of the covariance's eigenvalues",
}
LOW_IS_VARIED = frozenset({"compression_ratio", "self_repetition", "self_bleu"})


def diversity(texts: Sequence[str], domains: Iterable[str] = ()) -> dict[str, float]:
    """The figures of ABOUT but for `vendi`; empty without texts. Those without windows that long are left out."""
    plain = [each for each in map(words, texts) if each]
    if not plain:
        return {}
    pairs = Counter(chain.from_iterable(ngrams(each, 2) for each in plain))
    windows = [each[at : at + WINDOW] for each in plain for at in range(0, len(each) - WINDOW + 1, WINDOW)]
    raw = "\n".join(texts).encode("utf-8", "surrogatepass")
    found = {
        "type_token_ratio": _mean(len(set(each)) / len(each) for each in plain),
        "token_entropy": _mean(_entropy(Counter(each)) for each in plain),
        **({f"type_token_ratio_{WINDOW}": _mean(len(set(each)) / WINDOW for each in windows)} if windows else {}),
        **{f"distinct_{size}": _distinct(plain, size) for size in (1, 2, 3)},
        "bigram_entropy": _entropy(pairs),
        "compression_ratio": len(raw) / len(zlib.compress(raw, 9)),
        "self_repetition": self_repetition(plain),
        "self_bleu": self_bleu(plain),
        "kinds_of_things": float(len(set().union(*(kinds(thing) for text in texts for thing in things(text))))),
    }
    if counts := Counter(domains):
        found["domains"] = float(len(counts))
        found["domain_evenness"] = _entropy(counts) / math.log2(len(counts)) if len(counts) > 1 else 1.0
    return {name: round(found[name], 4) for name in ABOUT if name in found}


def brief(texts: Iterable[str]) -> dict[str, float]:
    """What costs milliseconds, for people: of the first texts the ratio and the entropy that the paper reports."""
    plain = [each for each in map(words, islice(texts, _HYPOTHESES)) if each]
    if not plain:
        return {}
    return {
        "type-token ratio": round(_mean(len(set(each)) / len(each) for each in plain), 3),
        "token entropy": round(_mean(_entropy(Counter(each)) for each in plain), 2),
    }


def self_repetition(plain: Sequence[Words]) -> float:
    """Share of texts that share a long run of words with another."""
    owners = Counter(chain.from_iterable(set(ngrams(each, _LONG)) for each in plain))
    return _mean(any(owners[gram] > 1 for gram in ngrams(each, _LONG)) for each in plain)


def self_bleu(plain: Sequence[Words]) -> float:
    """Mean BLEU-4 of the first texts, each against all others as references (Zhu et al. 2018), without a brevity
    penalty; a precision of zero counts as half a match. 0 for a single text.
    """
    if len(plain) < 2:
        return 0.0
    logs = np.zeros(min(len(plain), _HYPOTHESES))
    for size in (1, 2, 3, 4):
        counts = [Counter(ngrams(each, size)) for each in plain]
        # A reference's count clips; of all others it is the largest count, which the text itself must not give.
        most: dict[tuple[str, ...], tuple[int, int, int]] = {}
        for number, each in enumerate(counts):
            for gram, count in each.items():
                first, owner, second = most.get(gram, (0, -1, 0))
                most[gram] = (count, number, first) if count > first else (first, owner, max(second, count))
        for number, each in enumerate(counts[: len(logs)]):
            total = sum(each.values())
            clipped = sum(
                min(count, second if owner == number else first)
                for gram, count in each.items()
                for first, owner, second in [most[gram]]
            )
            logs[number] += math.log(max(clipped, 0.5) / max(total, 1)) / 4
    return float(np.exp(logs).mean())


def vendi(vectors: npt.NDArray[np.floating]) -> float:
    """Vendi score (Friedman and Dieng 2023) of the rows (n, d) with the cosine as kernel: exp of the entropy of the
    eigenvalues of K / n, which are those of the d x d covariance of the rows at unit length. From 1 to min(n, d).
    """
    rows = vectors.astype(np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    rows = rows[(lengths := np.linalg.norm(rows, axis=1)) > 0] / lengths[lengths > 0, None]
    if not len(rows):
        return 0.0
    values = np.linalg.eigvalsh(rows.T @ rows / len(rows))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def _distinct(plain: Sequence[Words], size: int) -> float:
    grams = list(chain.from_iterable(ngrams(each, size) for each in plain))
    return len(set(grams)) / len(grams) if grams else 1.0


def _entropy(counts: Counter[str] | Counter[tuple[str, ...]]) -> float:
    total = counts.total()
    return -sum(count / total * math.log2(count / total) for count in counts.values()) if total else 0.0


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
