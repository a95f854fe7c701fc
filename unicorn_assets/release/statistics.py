"""Figures about the captions of a release, added up shard by shard."""

import math
from dataclasses import dataclass

import polars as pl

WORD = r"[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*"
"""A token: letters and digits, joined by an apostrophe or a hyphen; counted in lower case."""


@dataclass
class CaptionStatistics:
    """Words are separated by white space. Type-token ratio and entropy are taken per caption, then averaged."""

    captions: int = 0
    words: int = 0
    min_words: int = 0
    max_words: int = 0
    _type_token: float = 0.0
    _entropy: float = 0.0
    _measured: int = 0  # captions with at least one token

    def add(self, captions: pl.Series) -> None:
        """Count the captions of a shard."""
        if captions.is_empty():
            return
        words = captions.str.count_matches(r"\S+").to_list()
        self.min_words = min(words) if not self.captions else min(self.min_words, min(words))
        self.max_words = max(self.max_words, max(words))
        self.words += sum(words)
        self.captions += len(words)
        counts = (
            pl.DataFrame({"token": captions.str.to_lowercase().str.extract_all(WORD)})
            .with_row_index("row")
            .explode("token", empty_as_null=True)
            .drop_nulls("token")
            .group_by("row", "token", maintain_order=True)
            .len("n")
            .with_columns(p=pl.col("n") / pl.col("n").sum().over("row"))
            .group_by("row", maintain_order=True)
            .agg(ratio=pl.len() / pl.col("n").sum(), bits=-(pl.col("p") * pl.col("p").log(2)).sum())
        )
        # fsum: the same sum in whichever order the rows come.
        self._type_token += math.fsum(counts["ratio"])
        self._entropy += math.fsum(counts["bits"])
        self._measured += counts.height

    @property
    def mean_words(self) -> float:
        """Words per caption."""
        return self.words / self.captions if self.captions else 0.0

    @property
    def type_token_ratio(self) -> float:
        """Different tokens divided by tokens, 0 to 1, mean over captions."""
        return self._type_token / self._measured if self._measured else 0.0

    @property
    def token_entropy(self) -> float:
        """Shannon entropy of a caption's tokens in bits, mean over captions."""
        return self._entropy / self._measured if self._measured else 0.0
