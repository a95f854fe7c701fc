import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.curation.repetition import circular, repeated_trigrams, stutter
from unicorn_assets.curation.words import word_set

SAYS_SOMETHING = [
    "The white dog has white paws.",
    "The lower half is painted black, and the upper half shows bare metal.",
    "The left door is open and the right door is closed.",
    "The kitchen has a kitchen table.",
    "The tennis player wears a tennis skirt.",
    "The street is lined with street lamps.",
    "The boat is beside another boat.",
    "The car is in front of a red car.",
    "The two horses are standing next to a pair of brown horses.",
    "The house of brick has a roof of brick.",
    "The cup is empty and the spoon lies beside the cup.",
    "The white cat is white with black spots.",
    "On the right side of the rib cage there is a gap between the fifth and the ninth ribs.",
    "A white cup, a white plate and a white jug stand on a shelf.",
    "The striped tent has a striped awning and striped poles.",
    "The round table has a round foot and a round top.",
    "Two large wooden boats lie beside a pair of large wooden huts.",
]
SAYS_NOTHING = [
    "The cat is a black cat.",
    "The cat wears a cat.",
    "The cat on the mat is a cat.",
    "In the kitchen the woman is a woman.",
    "The man standing is a man.",
    "The chimney is made of wood and has a chimney that is surrounded by smoke.",
    "The laundry is filled with a large number of laundry.",
    "The horse is a brown horse standing beside a fence.",
    "The horse is beside the horse.",
    "The cow is a black and white cow",
    "The white wall is white.",
    "The square is a large square.",
]
ATTRIBUTES = st.sampled_from(
    sorted(word_set("white red grey wooden brick glass large small old wet two seven tall round striped weathered"))
)
NOUNS = st.sampled_from(sorted(word_set("dog boat tower horse kettle lantern gate violin table bed leg chair")))
VERBS = st.sampled_from(["is beside a", "has a", "has the", "is on a", "is made with a", "is near the"])


@pytest.mark.parametrize("text", SAYS_SOMETHING)
def test_a_word_that_comes_again_may_say_something(text: str):
    assert (circular(text), stutter(text)) == (None, None)


@pytest.mark.parametrize("text", SAYS_NOTHING)
def test_a_head_noun_or_a_lone_attribute_is_not_said_of_itself(text: str):
    fault = circular(text)
    assert fault is not None
    assert fault.reason == "repetitive"


@settings(max_examples=60)
@given(st.lists(ATTRIBUTES, min_size=1, max_size=2, unique=True), NOUNS, NOUNS, VERBS)
def test_attributes_of_another_noun_are_no_circle(attributes: list[str], one: str, other: str, verb: str):
    described = " ".join(attributes)
    fault = circular(f"The {described} {one} {verb} {described} {other}.")
    assert (fault is None) == (one != other or (verb.startswith("is") and verb.endswith(("beside a", "near a"))))


@settings(max_examples=60)
@given(st.lists(ATTRIBUTES, max_size=2), NOUNS, st.lists(ATTRIBUTES, max_size=2), st.sampled_from(["is a", "wears a"]))
def test_a_noun_of_itself_is_a_circle_whatever_its_attributes(own: list[str], noun: str, said: list[str], verb: str):
    assert circular(f"The {' '.join([*own, noun])} {verb} {' '.join([*said, noun])} in the sun.") is not None


@pytest.mark.parametrize(
    "text", ["The bus is a bus in a bus.", "The the bus waits.", "A red bus waits beside a red bus.", "A box of boxes."]
)
def test_words_and_pairs_of_words_are_not_repeated(text: str):
    assert stutter(text) is not None


def test_repeated_trigrams_is_a_share():
    assert repeated_trigrams("a b c d e f") == 0
    assert repeated_trigrams("a b c a b c") == 0.5  # of abc bca cab abc, two
    assert repeated_trigrams("") == 0
