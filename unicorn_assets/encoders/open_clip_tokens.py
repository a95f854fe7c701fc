"""What open_clip's tokenizers read of texts: asked as open_clip does, or CLIP's own word by word, with the same ids.

open_clip's tokenizer of CLIP cleans and cuts each text anew and reads some thousand captions a second, a tenth of what
a GPU encodes. Tokens never reach over white space, so that each word's can be kept.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from unicorn_assets.encoders.tokens import Read, Tokens

# Printable ASCII but "&": nothing that ftfy or html.unescape would change.
_PLAIN = re.compile(r"[\t\n\r -%'-~]*")
_MANY_WORDS = 200_000

HARD = (
    "", " ", "a dog", "A Dog\n runs\tfast.", "it's they'll I'D we'Ve don't 'sand 'tis", "one " * 75, "one " * 76,
    "1234 5,678.90 $12 50% #tag @me", "well-known -- (red/blue) [x] {y} <b>bold</b> \\ | ~ ^ ` _under_score_",
    "word" * 60, "antidisestablishmentarianism", "a1b2c3 " * 40, "x-y " * 60, "'''' ... !?!? ,;:",
    "café naïve façade Ærø Łódź Čapek Ñandú Über straße ĲSSEL", "“quoted” ‘single’ – em — dash … † ‰ €5 ₤",
    "ﬁne ﬀ ŉ ſs 'ſ", "¼ cup ² m³ ª º", "AT&amp;T &lt;i&gt; &amp;amp; & co", "<start_of_text> a <END_OF_TEXT>",
    "日本語 текст ελληνικά عربى हिन्दी", "😀 👩\u200d👩\u200d👧 🏳️\u200d🌈 ☺", "schÃ¶n â€œmojibakeâ€\x9d",
    "a\u00a0b\u2003c\u200bd", "\x1b[31mred\x1b[0m \x07 bell", "İstanbul ǅ ΑΣ", "e\u0301 decomposed", "\ufeffmark",
)  # fmt: skip
"""Texts on which two readers of CLIP's tokens would differ first."""


def reader(tokenizer: Any) -> Read:
    """How texts are read for a model of this open_clip tokenizer."""
    if quick := ClipReader.of(tokenizer):
        return quick
    return lambda texts: read_plainly(tokenizer, texts)


def read_plainly(tokenizer: Any, texts: Sequence[str]) -> Tokens:
    """Tokens as open_clip's own tokenizer gives them."""
    ids = tokenizer(list(texts))
    cut = [row for row, count in enumerate(_counts(tokenizer, texts)) if count > ids.shape[1]]
    return Tokens(ids, _used_lengths(tokenizer, ids), cut)


class ClipReader:
    """The `Read` of open_clip's SimpleTokenizer: remembers the tokens of words, asks it for those of new ones."""

    def __init__(self, tokenizer: Any) -> None:
        self._own, self._window = tokenizer, int(tokenizer.context_length)
        self._known: dict[str, list[int]] = {}

    @classmethod
    def of(cls, tokenizer: Any) -> "ClipReader | None":
        """None for another tokenizer, and where the ids of texts that are hard to read are not the same."""
        import open_clip.tokenizer as known
        import torch

        plain = type(tokenizer) is known.SimpleTokenizer and tokenizer.reduction_fn is None
        if not plain or tokenizer.clean_fn is not known._clean_lower:
            return None
        found, own = cls(tokenizer), read_plainly(tokenizer, HARD)
        tokens = found(HARD)
        same = torch.equal(tokens.ids, own.ids) and tokens.truncated == own.truncated
        return found if same else None

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Tokens of texts."""
        import torch

        ids = np.zeros((len(texts), self._window), np.int64)
        used, cut, room = [], [], self._window - 2
        first, last = self._own.sot_token_id, self._own.eot_token_id
        for row, text in enumerate(texts):
            found = self._tokens(text, room)
            kept = [first, *found[:room], last]
            ids[row, : len(kept)] = kept
            used.append(len(kept))
            if len(found) > room:
                cut.append(row)
        return Tokens(torch.from_numpy(ids), used, cut)

    def _tokens(self, text: str, room: int) -> list[int]:
        """The text's tokens; not many more than `room`, if there are more."""
        # Cleaning is for marks that plain text has none of; it takes ten times as long as all the rest.
        text = text.lower() if _PLAIN.fullmatch(text) else self._own.clean_fn(text)
        found: list[int] = []
        known = self._known
        for word in text.split():
            tokens = known.get(word)
            found += self._new(word) if tokens is None else tokens
            if len(found) > room:
                break
        return found

    def _new(self, word: str) -> list[int]:
        own = self._own
        pieces = ("".join(own.byte_encoder[byte] for byte in piece.encode()) for piece in own.pat.findall(word))
        tokens = [own.encoder[token] for piece in pieces for token in own.bpe(piece).split(" ")]
        if len(self._known) >= _MANY_WORDS:
            self._known.clear()
        self._known[word] = tokens
        return tokens


def _counts(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Tokens of each text before truncation, special tokens included."""
    if not texts:
        return []
    if hasattr(tokenizer, "sot_token_id"):  # open_clip's own: one token before the text and one after
        return [len(tokenizer.encode(text)) + 2 for text in texts]
    clean = [tokenizer.clean_fn(text) for text in texts] if hasattr(tokenizer, "clean_fn") else list(texts)
    clips = getattr(tokenizer, "tokenizer_mode", "") == "clips"  # adds begin, end and class tokens itself
    found = tokenizer.tokenizer(clean, truncation=False, verbose=False, add_special_tokens=not clips)
    return [len(ids) + (3 if clips else 0) for ids in found["input_ids"]]


def _used_lengths(tokenizer: Any, tokens: Any) -> list[int]:
    """Columns of each row of a padded token matrix up to its last token that is not padding."""
    import torch

    inner = getattr(tokenizer, "tokenizer", None)
    pad = getattr(inner, "pad_token_id", None) or 0
    columns = (tokens != pad) * (1 + torch.arange(tokens.shape[1]))
    return [max(1, int(length)) for length in columns.max(dim=1).values]
