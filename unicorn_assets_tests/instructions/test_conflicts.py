import pytest

from unicorn_assets.instructions.conflicts import conflict, uncounted
from unicorn_assets.instructions.multiple_choice.answer import ChoicePair
from unicorn_assets.instructions.multiple_choice.same import opposed, same_thing

CAPTION = (
    "A lost mitten, red with a white snowflake, hangs on the handle of a tram. Steam rises from two vents and leans to "
    "the right. Three camels cross the road behind the tram. The liquid in a tube turns from blue to green. Seven "
    "white pieces and nine black ones stand on a board beside an orange dome tent. The door of a house is black."
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What does the mitten look like?", "It is white with a red snowflake."),
        ("Which way does the steam from the vents lean?", "The steam from the two vents leans to the left."),
        ("How many camels cross the road?", "Five"),
        ("How does the liquid change?", "It turns from green to blue."),
    ],
)
def test_another_value_than_the_captions_is_a_conflict(question: str, answer: str):
    fault = conflict(question, answer, CAPTION)
    assert fault is not None
    assert fault.reason == "wrong_attribute"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What does the mitten look like?", "It is red with a white snowflake."),
        ("Which way does the steam lean?", "To the right"),
        ("What is left when the steam of two vents leans to the right?", "Nothing is left of it in the vents."),
        ("Which vents are left?", "Only two vents are left when the steam leans."),
        ("How many camels cross the road?", "Three"),
        ("How many camels would be left if one lay down?", "Two"),
        ("How many black pieces stand on the board?", "Nine"),
        ("What stands beside the board?", "An orange tent"),
        ("How does the liquid change?", "It turns from blue to green."),
    ],
)
def test_what_the_caption_bears_is_none(question: str, answer: str):
    assert conflict(question, answer, CAPTION) is None


def test_a_second_one_of_a_single_thing_is_not_there():
    assert uncounted("What is the second door made of?", CAPTION) == "second door"
    assert uncounted("What is the second camel doing?", CAPTION) is None


@pytest.mark.parametrize(
    ("question", "answer", "option", "right"),
    [
        ("How tall are the heaps of salt?", "As high as the workers' knees", "Knee-high", True),
        ("What animal is tied to the table?", "A poodle", "A dog", True),
        ("Who sits on the stool?", "The girl's father", "The dad of the patient", True),
        ("What colour is the door?", "Green", "Black", True),
        ("Where is the shovel?", "Left of the old door", "Left of the door with the bell", False),
        ("Where is the parrot?", "On the back of an empty chair", "On the back of a chair", True),
        ("Where does she live?", "In the first red house", "In the first house", False),
        ("What does he wear?", "No red hat", "No hat", False),
        ("Where is the cup?", "On the upper shelf", "On the shelf", False),
        ("What leans on the wall?", "A red ladder", "A blue ladder", False),
        ("Who sits on the stool?", "A man", "A woman", False),
    ],
)
def test_a_wrong_option_that_is_right_in_other_words(question: str, answer: str, option: str, right: bool):
    pair = ChoicePair(question=question, answer=answer, wrong_options=[option, "A lamp", "A pot"])
    assert (same_thing(option, pair, CAPTION) is not None) is right


def test_sides_are_opposed_when_each_has_one():
    assert opposed(frozenset({"upper", "part"}), frozenset({"lower", "half"}))
    assert not opposed(frozenset({"upper"}), frozenset({"upper", "lower"}))
