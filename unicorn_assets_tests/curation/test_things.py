import pytest

from unicorn_assets.curation.attributes import properties
from unicorn_assets.curation.things import kinds, made_up, names_person, thing, things

CAPTION = "A finch sits on a wooden perch. A woman in a wool hat leans on the sandy rail beside two tables."


@pytest.mark.parametrize(
    ("word", "singular"),
    [("finches", "finch"), ("dishes", "dish"), ("men", "man"), ("boots", "boot"), ("glass", "glass"), ("runs", None)],
)
def test_a_thing_is_known_in_any_number(word: str, singular: str | None):
    assert thing(word) == singular


def test_a_thing_is_what_it_is_a_kind_of():
    assert {"terrier", "dog"} <= kinds("terrier")
    assert "person" in kinds("nurse")
    assert things("The nurse's hat lies there.") == {"hat"} | things("nurse's")


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Where does the bird sit?", []),
        ("What does the customer hold?", []),
        ("Is there sand?", []),
        ("The worktable", []),
        ("Which bicycle is hers?", ["bicycle"]),
        ("A helicopter hovers over the table.", ["helicopter"]),
    ],
)
def test_what_nobody_named_was_made_up(text: str, new: list[str]):
    assert made_up(text, CAPTION) == new


def test_people_are_known_by_noun_or_pronoun():
    assert names_person("An astronaut floats.")
    assert names_person("She floats.")
    assert not names_person("A cat floats.")


@pytest.mark.parametrize(
    ("text", "said", "known"),
    [
        ("A red tiled roof", {("roof", "colour", "red")}, False),
        ("The taxi is entirely black.", {("taxi", "colour", "black")}, True),
        ("Through the wide-open door", {("door", "state", "open")}, True),
        ("All six of the elephants", set(), False),
        ("Green and blue", set(), False),
    ],
)
def test_properties_belong_to_the_nearest_thing(text: str, said: set[tuple[str, str, str]], known: bool):
    found, taken_up = properties(text)
    assert said <= found
    assert bool(said & taken_up) is known
