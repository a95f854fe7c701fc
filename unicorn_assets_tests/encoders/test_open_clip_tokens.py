"""CLIP's tokens, remembered by word, are open_clip's own, or it is asked itself."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unicorn_assets.encoders import open_clip_tokens
from unicorn_assets.encoders.open_clip_tokens import HARD, ClipReader, read_plainly, reader
from unicorn_assets.encoders.tokens import CHUNK, Tokens, read_ahead

WORDS = st.sampled_from(
    ["a", "dog", "Dog's", "it'S", "1,024", "re-used", "“so”", "é", "ß", "&amp;", "&", "ſ", "’tis", "\u0345"]
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(max_codepoint=0x250), max_size=60),
    st.lists(WORDS, max_size=90).map(" ".join),
    st.lists(st.one_of(WORDS, st.sampled_from(HARD)), max_size=12).map("".join),
)


@pytest.fixture(scope="module")
def tokenizer():
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


@pytest.fixture(scope="module")
def quick(tokenizer):
    found = reader(tokenizer)
    assert isinstance(found, ClipReader)  # the texts that are hard to read were read alike
    return found


@given(st.lists(TEXTS, max_size=4))
@example([" ".join(["word"] * 75 + ["<end_of_text>"])])
@example(["a" * 400, "the " * 77 + "end"])
def test_the_same_ids(tokenizer, quick, texts):
    own, found = read_plainly(tokenizer, texts), quick(texts)
    assert found.ids.tolist() == own.ids.tolist()
    assert found.truncated == own.truncated
    assert found.used == own.used


def test_words_are_forgotten_in_time(tokenizer, monkeypatch):
    monkeypatch.setattr(open_clip_tokens, "_MANY_WORDS", 3)
    found = ClipReader(tokenizer)
    texts = [f"picture {number} of a dog" for number in range(9)]
    assert found(texts).ids.tolist() == tokenizer(texts).tolist()
    assert len(found._known) <= 3


def test_a_tokenizer_that_reads_otherwise_is_asked_itself(tokenizer):
    from open_clip.tokenizer import SimpleTokenizer

    assert ClipReader.of(SimpleTokenizer(clean="canonicalize")) is None
    assert ClipReader.of(SimpleTokenizer(reduction_mask="simple")) is None
    strange = SimpleTokenizer()
    strange.encode = lambda text: [320] * len(text.split())
    assert ClipReader.of(strange) is None
    assert reader(strange)(["dog"]).ids.tolist() == strange(["dog"]).tolist()


def test_chunks_come_in_order_and_are_read_ahead():
    asked = []

    def read(texts):
        asked.append(len(texts))
        return Tokens(list(texts), [1] * len(texts), [])

    found = read_ahead(list(range(3 * CHUNK + 5)), read)
    starts, rows = [], []
    for start, tokens in found:
        starts.append(start)
        rows += tokens.ids
    assert starts == [0, CHUNK, 2 * CHUNK, 3 * CHUNK]
    assert rows == list(range(3 * CHUNK + 5))
    assert asked == [CHUNK] * 3 + [5]


def test_a_fault_of_the_tokenizer_is_the_caller_s():
    def read(texts):
        raise ValueError("no such token")

    with pytest.raises(ValueError, match="no such token"):
        list(read_ahead(["a"], read))
