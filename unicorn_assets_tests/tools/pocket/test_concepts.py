"""Families, the split by families, and captions."""

from dataclasses import replace

import pytest

from tools.pocket.captions import (
    EVALUATION_SENTENCE,
    SENTENCES,
    described,
    evaluation_captions,
    phrase,
    training_captions,
    with_article,
)
from tools.pocket.concepts import Concept, code_key, family_of
from tools.pocket.descriptions import DESCRIPTIONS, descriptions

CAT = Concept("1f431", "cat face", ("cat", "face", "pet"), "animals-nature", "animal-mammal", "cat")


@pytest.mark.parametrize(
    ("labels", "subgroup"),
    [
        (["man health worker", "woman health worker", "health worker"], "person-role"),
        (["red circle", "blue circle"], "geometric"),
        (["cat face", "cat"], "animal-mammal"),
        (["one o’clock", "seven-thirty"], "time"),
        (["merman", "mermaid", "merperson"], "person-fantasy"),
        (["person running", "woman running facing right"], "person-activity"),
    ],
)
def test_variants_share_a_family_and_so_a_side_of_the_split(labels: list[str], subgroup: str) -> None:
    families = {family_of(label, subgroup) for label in labels}
    assert len(families) == 1
    assert len({Concept("", label, (), "", subgroup, families.copy().pop()).held_out for label in labels}) == 1


def test_different_things_are_different_families() -> None:
    assert family_of("red apple", "food-fruit") != family_of("pear", "food-fruit")


def test_about_a_tenth_of_the_families_is_held_out() -> None:
    held_out = sum(Concept("", "", (), "", "", f"family {i}").held_out for i in range(5000))
    assert 400 < held_out < 600


def test_code_points_in_one_form() -> None:
    assert code_key("2764-FE0F") == code_key("2764") == "2764"


@pytest.mark.parametrize(
    ("label", "read"),
    [
        ("flag: Fiji", "the flag of Fiji"),
        ("owl", "an owl"),
        ("glasses", "glasses"),
        ("octopus", "an octopus"),
        ("man: red hair", "a man with red hair"),
    ],
)
def test_labels_read_well_in_a_sentence(label: str, read: str) -> None:
    assert with_article(phrase(label)) == read


def test_captions_are_the_same_every_time_and_more_extend_fewer() -> None:
    captions = training_captions(CAT, 18)
    assert captions == training_captions(CAT, 18)
    assert captions[:6] == training_captions(CAT, 6)
    assert all("cat" in caption.lower() or "face" in caption or "pet" in caption for caption in captions)
    assert not any("{" in caption for caption in captions)


def test_the_evaluation_sentence_is_never_trained_on() -> None:
    assert EVALUATION_SENTENCE not in SENTENCES
    assert evaluation_captions(CAT)["sentence"] not in training_captions(CAT, 60)


def test_a_dense_description_is_the_three_in_a_row_and_unknown_concepts_get_sentences() -> None:
    named, reworded, unnamed, dense = described(CAT)
    assert "cat" in named.lower()
    assert dense == f"{named} {reworded} {unnamed}" == evaluation_captions(CAT)["description"]
    new = described(replace(CAT, hexcode="10ffff"))
    assert all("cat" in text for text in new)
    assert new == described(replace(CAT, hexcode="10ffff")) != described(CAT)


def test_every_description_is_there_once_and_says_what_is_seen() -> None:
    lines = DESCRIPTIONS.read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == len(descriptions()) == 1914
    for code, three in descriptions().items():
        assert code == code_key(code)
        assert len(set(three)) == 3, code
        assert all(5 < len(text.split()) < 36 and text[0].isupper() and text[-1] in ".!" for text in three), code
