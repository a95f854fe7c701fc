import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.curation import prose
from unicorn_assets.curation.spool import Spool
from unicorn_assets.curation.unseen import non_visual
from unicorn_assets.curation.words import content, sentences, stem, word_set, words

CLEAN = [
    "A photo of a red bus stands on a shelf.",
    "Two of the children's coats hang on hooks, 1.5 m above the tiled floor.",
    "A café with a green awning – half open – faces the square.",
    "A picture of a horse hangs on the wall; the horse's mane is black.",
]


@pytest.mark.parametrize("text", CLEAN)
def test_clean_sentences_pass_every_gate(text: str):
    gates = (
        prose.refusal,
        prose.markup,
        prose.emphasis,
        prose.garbled,
        prose.meta,
        prose.person,
        non_visual,
    )
    assert [gate(text) for gate in gates] == [None] * len(gates)


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        (prose.refusal, "I cannot help with that."),
        (prose.refusal, "As a language model, a red bus."),
        (prose.markup, "1. A red bus"),
        (prose.markup, "A red bus {x}"),
        (prose.markup, "# Bus"),
        (prose.emphasis, "A *red* bus."),
        (prose.emphasis, "A _red_ bus."),
        (prose.emphasis, "A `red` bus."),
        (prose.emphasis, "A [colour] bus."),
        (prose.emphasis, "A ~~red~~ bus."),
        (prose.emphasis, "A ==red== bus."),
        (prose.emphasis, "A $red$ bus."),
        (prose.emphasis, "A #red bus."),
        (prose.emphasis, "A bus for @maria."),
        (prose.emphasis, "A bus [/] [bold]."),
        (prose.garbled, "Ein Автобус"),
        (prose.garbled, "..."),
        (prose.garbled, "A buuuus"),
        (prose.garbled, "A pneumonoultramicroscopicsilico bus"),
        (prose.meta, "The caption names a bus."),
        (prose.meta, "The picture captures a bus."),
        (prose.meta, "A bus is described."),
        (prose.person, "We see a bus."),
        (prose.person, "It looks at you."),
        (non_visual, "The bus evokes calm."),
        (non_visual, "Buses are usually red."),
    ],
)
def test_each_gate_finds_its_fault(gate, text: str):
    assert gate(text) is not None


def test_words_sentences_and_stems():
    assert words("A snow-covered roof, the child’s SLED!") == ("a", "snow-covered", "roof", "the", "child's", "sled")
    assert sentences('He met Dr. Lee. "A bus!" It left. Then 3 men came') == (
        "He met Dr. Lee.",
        '"A bus!',
        "It left.",
        "Then 3 men came",
    )
    for one, other in [("houses", "house"), ("parked", "parking"), ("running", "runs"), ("berries", "berry")]:
        assert stem(one) == stem(other)
    assert content("The dog is on a red sofa") == ("dog", "red", "sofa")


def test_spool_gives_back_what_it_was_given():
    spool = Spool()
    texts = ["one", "", "zwei ä", "\ud800 lone", "x" * 100_000]
    assert [spool.append(text) for text in texts] == [0, 1, 2, 3, 4]
    assert [spool.read(number) for number in (4, 0, 3, 2, 1)] == [texts[number] for number in (4, 0, 3, 2, 1)]
    assert len(spool) == 5
    spool.close()


@pytest.mark.parametrize(
    "text",
    [
        "A red door. USER: More.",
        "ASSISTANT: A red door.",
        "A red door USER : more",
        "A red door. user: more",
        "Human: a red door",
        "A red door.\nassistant: more",
        "A red door. ### Instruction: more",
        "## Red door",
        "A red [INST] door",
        "A red door [/INST].",
        "<<SYS>> red",
        "A <|im_end|> door",
        "A red door </s>",
        "A <s> door",
        "A red <image> door",
        "A <start_of_turn> door",
        "A <b>red</b> door",
        "A <B>red</B> door",
        "A red door <!-- x -->",
        "A red &foo; door",
        "A red door. Response: more",
        "A red door. “Yes.” Assistant: more",
        "AI: a red door",
        "A door Human: more",
    ],
)
def test_words_and_marks_of_chats_are_known(text):
    assert prose.chat_mark(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "A user: manual lies open on a desk.",
        "A sign at the door says: closed.",
        "An assistant stands by the human body model.",
        "Two users sit at a system of 3 screens: one red, one blue.",
        "A mark 3 < 4 stands on the board.",
        "Salt & pepper; a red door.",
        "The AT&T sign hangs there.",
        "A model: a small ship of wood.",
        "A label [3] hangs there.",
        "One user's bag; a robot.",
    ],
)
def test_a_caption_about_users_is_no_chat(text):
    assert prose.chat_mark(text) is None


@given(
    st.text("*_~`=+^$", min_size=1, max_size=3).filter(lambda mark: len(set(mark)) == 1),
    st.sampled_from(["red", "bright red", "r", "Red-brown"]),
)
def test_words_between_two_equal_marks_are_stressed(mark: str, word: str):
    assert prose.emphasis(f"A {mark}{word}{mark} bus.") is not None
    assert prose.emphasis(f"{mark}{word}{mark}") is not None


def test_quoted_words_and_names_are_no_marks():
    for text in (
        'A sign says "open".', "A file called snake_case lies on a 3/4 full box (closed).", "A shirt with #7 on it.",
        "Tags of $5 and $7 hang there.", "A sum 2 + 3 = 5 stands on the board.", "A cup costs about 3$ or 4$ there.",
        "A C++ book and a C++ mug.",
    ):  # fmt: skip
        assert prose.emphasis(text) is None


TOKENS = word_set(
    """
a the bus. I we you I'm you're caption the image shows photo is taken As an AI sorry cannot fulfil this request USER:
Assistant: model: <s> <|im_end|> [INST] *red* _red_ ~~x~~ `code` #tag @name $x$ - 1. 1) ** & &nbsp; http://x {y} [z] •
"YOU" PAY HERE, 12:30 1000 buuus re-caption you-know it's According described sentences
"""
)
TRICKY = st.lists(st.sampled_from([*sorted(TOKENS), "\n"]) | st.text(max_size=6), max_size=12).map(" ".join)


@given(TRICKY)
def test_a_clean_text_is_one_that_every_gate_passes(text: str):
    """`clean` and the signs only spare a look: what the patterns themselves would find is found."""
    plain = prose.unquoted(text)
    found = {
        prose.refusal: prose._REFUSAL.search(text),
        prose.markup: prose._TURN_MARK.search(text) or prose._MARKUP.search(text),
        prose.chat_mark: prose._TURN_MARK.search(text) or prose._CHAT_MARK.search(text),
        prose.emphasis: prose._EMPHASIS.search(text),
        prose.meta: prose._META.search(plain),
        prose.person: prose._FIRST.search(plain) or prose._SECOND.search(plain),
    }
    for gate, match in found.items():
        assert (gate(text) is not None) == bool(match), (gate.__name__, match)
    if prose.clean(text):
        assert not any(found.values())
        assert prose.garbled(text) is None
