import pytest

from unicorn_assets.captions.contradictions import contradiction, scenes_apart
from unicorn_assets.curation.unseen import shows_little
from unicorn_assets.curation.words import sentences


@pytest.mark.parametrize(
    "text",
    [
        "A bridge stands under a sky full of stars. The noon sun beats down on its deck.",
        "A toddler sleeps in a padded seat, her eyes shut. With wide open eyes she follows the trees.",
        "A cook is entirely alone at his stove. Behind his back an assistant scrubs pots.",
        "The front wheel has been taken off. Both tyres are full, and the front wheel is turned to the left.",
    ],
)
def test_scenes_that_exclude_each_other(text: str):
    fault = scenes_apart(sentences(text))
    assert fault is not None
    assert fault.reason == "contradiction"


@pytest.mark.parametrize(
    "text",
    [
        "A bridge stands under a sky full of stars. A poster of a beach in the noon sun hangs on its railing.",
        "A man lies on a bench, his eyes shut. A cat beside him looks up with wide open eyes.",
        "A man sits alone on the mats. Behind him a woman ties her shoes.",
        "One of the wheels is missing. The other three wheels are full of mud.",
    ],
)
def test_scenes_that_go_together(text: str):
    assert scenes_apart(sentences(text)) is None


def test_a_thing_painted_otherwise_than_it_is():
    kept = ["A yellow gate closes the yard."]
    assert contradiction("The gate is painted violet.", kept, strict=False) is not None
    assert contradiction("The gate is painted yellow.", kept, strict=False) is None


def test_a_history_behind_one_sight_shows_little():
    history = (
        "A mill stands beside a stream. It was built when monks had been given the right to grind. In 1348 everything "
        "was lost. A dispute would last for years. Since then it has often been said that nobody could have won."
    )
    seen = (
        "A mill stands beside a stream. Its wheel of dark oak turns in the water. A grey cat sits on the wall. Two "
        "sacks of flour lean against the door. A path of flat stones leads along the hedge to a red gate."
    )
    fault = shows_little(sentences(history))
    assert fault is not None
    assert fault.reason == "non_visual"
    assert shows_little(sentences(seen)) is None
