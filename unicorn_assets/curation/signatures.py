"""MinHash signatures of texts: 128 numbers by which any two texts can be compared without either.

A text is the set of character shingles of its words in lower case. Signatures are rensa's; here the shingles of a whole
shard are hashed at once, in numpy, to the very numbers that rensa makes of them one by one. Not here: what is done with
signatures (bands.py, near_duplicates.py), or where they are kept (lake/memories.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.metadata import version as installed

import numpy as np
import numpy.typing as npt

from unicorn_assets.curation.words import ascii_words, words
from unicorn_assets.logic import logic_of

Signatures = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.uint64]

PERMUTATIONS = 128
SEED = 20250328
_BATCH = 128  # texts whose hashes are in memory at once: they stay in the processor's cache
_WORD_BYTES = range(4, 9)
"""Shingles of so many bytes are hashed in numpy."""


@cache
def maker(size: int) -> str:
    """What decides a signature besides the text: signatures of two makers are never compared."""
    return f"{logic_of(__name__)}, rensa {installed('rensa')}, {size} characters"


def plain(text: str) -> str:
    """The text's words in lower case, joined by single spaces."""
    return " ".join(ascii_words(text) if text.isascii() else words(text))


def shingles(text: str, size: int) -> set[str]:
    """All runs of `size` characters of the plain text; of a shorter one the whole."""
    return _runs(plain(text), size)


def _runs(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(max(1, len(text) - size + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    """|A n B| / |A u B|; 1.0 for two empty sets."""
    common = len(one & other)
    union = len(one) + len(other) - common
    return common / union if union else 1.0


def similarity(one: str, other: str, size: int) -> float:
    """`jaccard` of the shingles of two texts."""
    one, other = plain(one), plain(other)
    if not (size in _WORD_BYTES and all(len(text) >= size and text.isascii() for text in (one, other))):
        return jaccard(_runs(one, size), _runs(other, size))
    a, b = _codes(one, size), _codes(other, size)
    both = np.concatenate([a, b])
    both.sort()
    common = int((both[1:] == both[:-1]).sum())
    return common / (len(both) - common)


@lru_cache(_BATCH)
def _codes(text: str, size: int) -> Numbers:
    """The shingles of a plain text of ASCII as different numbers, sorted."""
    codes = _word(np.lib.stride_tricks.sliding_window_view(np.frombuffer(text.encode("ascii"), np.uint8), size))
    codes.sort()
    found: Numbers = codes[np.concatenate([[True], codes[1:] != codes[:-1]])]
    return found


def signatures(texts: Sequence[str], size: int) -> Signatures:
    """(n, PERMUTATIONS) signatures of the texts' shingles of `size` characters."""
    found = np.empty((len(texts), PERMUTATIONS), np.uint32)
    for start in range(0, len(texts), _BATCH):
        batch = [plain(text) for text in texts[start : start + _BATCH]]
        fast = size in _WORD_BYTES and _hashes_as_rensa()
        at_once = np.array([fast and len(text) >= size and text.isascii() for text in batch], bool)
        part = found[start : start + len(batch)]
        for chosen, sign in ((at_once, _signed_at_once), (~at_once, _signed_each)):
            if chosen.any():
                part[chosen] = sign([batch[number] for number in np.flatnonzero(chosen)], size)
    return found


def _signed_each(texts: Sequence[str], size: int) -> Signatures:
    from rensa import RMinHash

    sets = [_runs(text, size) for text in texts]
    return np.asarray(RMinHash.digest_matrix_from_token_sets(sets, PERMUTATIONS, SEED).to_rows(), np.uint32)


def _signed_at_once(texts: Sequence[str], size: int) -> Signatures:
    """Texts of ASCII, none shorter than a shingle. One that occurs twice changes no minimum: nobody makes a set."""
    from rensa import RMinHash

    codes = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    inside = np.ones(len(codes), bool)
    for back in range(1, size):
        inside[np.cumsum(lengths) - back] = False  # these would run on into the next text
    runs = np.lib.stride_tricks.sliding_window_view(codes, size)
    hashes = token_hashes(runs)[inside[: len(runs)]]
    offsets = np.concatenate([[0], np.cumsum(lengths - size + 1)]).astype(np.uint64)
    return np.asarray(
        RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, PERMUTATIONS, SEED).to_rows(), np.uint32
    )


def token_hashes(tokens: npt.NDArray[np.uint8]) -> Numbers:
    """(n,) hashes of the (n, 4 to 8) bytes of tokens, as rensa hashes them: two words mixed by one wide product
    (rustc-hash 2).
    """
    size = tokens.shape[1]
    first, last = np.uint64(0x243F6A8885A308D3), np.uint64(0x13198A2E03707344)
    taken = 8 if size == 8 else 4
    one, other = _word(tokens[:, :taken]), _word(tokens[:, size - taken :])
    one ^= first
    other ^= last
    mixed: Numbers = _folded(one, other) ^ np.uint64(size)
    mixed *= np.uint64(0xF1357AEA2E62A9C5)
    turned: Numbers = (mixed << np.uint64(26)) | (mixed >> np.uint64(38))
    return turned


def _word(octets: npt.NDArray[np.uint8]) -> Numbers:
    """Little-endian numbers of the rows' bytes."""
    found = octets[:, 0].astype(np.uint64)
    for place in range(1, octets.shape[1]):
        found |= octets[:, place].astype(np.uint64) << np.uint64(8 * place)
    return found


def _folded(one: Numbers, other: Numbers) -> Numbers:
    """The 128 bits of the products, upper half xor lower half."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    a, b, c, d = one >> half, one & low, other >> half, other & low
    cross = a * d
    middle = b * c + ((b * d) >> half) + (cross & low)
    folded: Numbers = (a * c + (cross >> half) + (middle >> half)) ^ (one * other)
    return folded


@cache
def _hashes_as_rensa() -> bool:
    """Whether the installed rensa hashes tokens as `token_hashes` does; if not, it hashes them itself, one by one."""
    from rensa import RMinHash

    tokens = [b"four", b"a bus", b"to red", b"or blue", b"and some"]
    told: list[int] = RMinHash.hash_token_sets([tokens])[0]
    return told == [int(token_hashes(np.frombuffer(token, np.uint8)[None])[0]) for token in tokens]
