"""What an able model's answer may say: names that were given, things where they are, what things are made of."""

import pytest

from unicorn_assets.instructions.multiple_choice.gates import said_of
from unicorn_assets.instructions.support import answer_fault, unknown_name

CAPTION = (
    "A boy sits on an upturned bucket and peels an orange, its rind curling onto the stones. Behind him, an elderly "
    "customer from Lisbon holds out a cloth bag. A signal post with its arm raised stands where the track curves into "
    "a tunnel. Some drawings are pinned above the drawers. Two brass lamps light the meadow. On it grazes a cow with a "
    "bell."
)


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("Who is peeling an orange?", "An elderly customer.", "misaligned"),
        ("Who is peeling an orange?", "The boy on the bucket.", None),
        ("Who is peeling an orange?", "He is a child who sits down.", None),
        ("What stands where the track curves?", "A cow with a bell.", "misaligned"),
        ("What stands where the track curves?", "A post for signals", None),
        ("What lights the meadow?", "Two lamps", None),
        ("What is on the meadow?", "A cow", None),  # named in the sentence behind
        ("Which of these could ring while it stands near the track?", "The bell of the cow", None),  # it supposes
        ("Who holds out a bag?", "A man called Robert", "ungrounded_answer"),
        ("Who holds out a bag?", "A customer from Lisbon", None),
        ("Who holds out a bag?", "A customer, perhaps before Christmas", None),
        ("Who holds out a bag?", "Probably somebody from Porto", "ungrounded_answer"),
    ],
)
def test_answers(question: str, answer: str, reason: str | None) -> None:
    fault = answer_fault(question, answer, CAPTION, 0.6)
    assert (fault.reason if fault else None) == reason


@pytest.mark.parametrize(
    "text",
    [
        "It is Lisbon's market.",
        "LISBON is not said here.",
        "Robert begins the sentence. Anna too.",
        "an orange",
        "I see it.",
    ],
)
def test_what_is_no_unknown_name(text: str) -> None:
    """The first word of a sentence is a capital in any case."""
    assert unknown_name(text, CAPTION) is None


def test_what_things_are_made_of_is_not_made_up() -> None:
    question = "Why may the drawings be old?"
    assert answer_fault(question, "Their paper has yellowed at the corners, as paper does.", CAPTION, 0.6) is None
    fault = answer_fault("What is above the drawers?", "A pile of wool and ice", CAPTION, 0.6)
    assert fault is not None
    assert fault.reason == "ungrounded_answer"


AT_THE_GATE = (
    "An old couple share earphones and a sandwich in the left block of seats. A boy sleeps with a stuffed penguin for "
    "a pillow, a denim jacket spread over him."
)


@pytest.mark.parametrize(
    ("question", "answer", "option", "true"),
    [
        ("What is the old couple sharing?", "A sandwich", "A pair of earphones", True),
        ("What is the old couple sharing?", "A sandwich", "A pair of gloves", False),
        ("What is the sleeping boy resting on?", "A stuffed penguin", "A denim jacket", False),
    ],
)
def test_two_things_are_both_right_where_they_stand_in_one_list(
    question: str, answer: str, option: str, true: bool
) -> None:
    assert said_of(option, question, answer, AT_THE_GATE) is true


@pytest.mark.parametrize(
    ("option", "true"),
    [("Inside a bucket", False), ("Under the bucket", False), ("On a bucket", True), ("On the upturned bucket", True)],
)
def test_an_option_that_places_a_thing_where_the_caption_does_not_is_wrong(option: str, true: bool) -> None:
    question = "Where does the boy who peels the orange sit?"
    assert said_of(option, question, "On the stones", CAPTION) is true
