"""What counts as a leak: much of an item, word for word, and not what everybody asks."""

import pytest

from unicorn_assets.curation.leaks import Item, Leaks

LONG = "Which of the two boats moored beside the stone jetty carries the taller mast and a patched orange sail today?"
OPTIONS = ("the near one", "the far one", "both of them", "neither of them")
ITEMS = [
    Item("harbour", "h1", (LONG,), OPTIONS),
    Item("harbour", "h2", ("What colour is the bus?",), ("red", "green", "blue", "white")),
    Item("poll", "p1", ("Is there a dog?",)),
    Item("poll", "p2", ("How many lamps hang over the long table?",)),
    *(Item("shape", f"s{n}", (f"Look at the picture and then choose the answer that fits best: object {n}",))
      for n in range(40)),
]  # fmt: skip
LEAKS = Leaks(ITEMS)


@pytest.mark.parametrize(
    ("question", "options", "item"),
    [
        (LONG, OPTIONS, "h1"),
        (LONG.upper().replace("?", " !"), ("a", "b", "c", "d"), "h1"),  # reworded options
        (" ".join(LONG.split()[:14]) + " and is red?", (), "h1"),  # its beginning
        ("what colour is the bus", ("Green", "white", "Red", "blue"), "h2"),
        ("In the picture: what colour is the bus?", ("Green", "white", "Red", "blue"), "h2"),
        ("How many lamps hang over the long table", (), "p2"),
        ("What colour is the bus?", ("black", "pink", "grey", "red"), None),
        ("Is there a dog?", ("yes", "no"), None),
        ("Which of the two boats carries a sail?", OPTIONS, None),
        ("Look at the picture and then choose the answer that fits best: which lamp is lit?", (), None),
    ],
)
def test_pairs(question: str, options: tuple[str, ...], item: str | None) -> None:
    leak = LEAKS.in_pair(question, options, "A")
    assert (leak.item_id if leak else None) == item


def test_captions_and_answers_are_searched_too() -> None:
    assert LEAKS.in_text(f"A harbour at noon. {LONG} Gulls circle above.") is not None
    assert LEAKS.in_text("A harbour at noon, with two boats moored beside the stone jetty.") is None
    assert LEAKS.in_text("Someone asks how many lamps hang over the long table.") is not None
    assert LEAKS.in_pair("What is asked?", (), LONG) is not None
    leak = LEAKS.in_pair(LONG, (), "")
    assert str(leak) == "holds the question of item h1 of harbour"


def test_the_report_says_what_is_too_short_to_be_found() -> None:
    assert LEAKS.tested == {"harbour": 1.0, "poll": 0.5, "shape": 1.0}
    assert Leaks(ITEMS[2:3]).tested == {"poll": 0.0}
    assert not Leaks([])
    assert Leaks([]).in_text(LONG) is None
