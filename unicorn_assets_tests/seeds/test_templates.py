from pathlib import Path
from typing import Any

import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.seeds.catalog import build_catalog
from unicorn_assets.seeds.templates import draw, fill

TEMPLATES = [f"template {n} of a {{label}}" for n in range(20)]


@pytest.mark.parametrize(
    ("template", "label", "text"),
    [
        ("a photo of a {label}", "osprey", "a photo of an osprey"),
        ("An {label} flies", "robin", "A robin flies"),
        ("A {label} flies", "emu", "An emu flies"),
        ("a {label}", "unicycle", "a unicycle"),
        ("a {label}", "uninhabited island", "an uninhabited island"),
        ("a {label}", "European roller", "a European roller"),
        ("a {label}", "hourglass", "an hourglass"),
        ("a {label}", "one-way sign", "a one-way sign"),
        ("a {label}", "MD-80", "an MD-80"),
        ("a {label}", "BMW X5", "a BMW X5"),
        ("a {label}", "747", "a 747"),
        ("a {label}", "8-track player", "an 8-track player"),
        ("an image of delicious {label}", "apple pie", "an image of delicious apple pie"),
        ("sauna {label}", "egg", "sauna egg"),
    ],
)
def test_the_article_follows_the_label(template: str, label: str, text: str) -> None:
    assert fill(template, label) == text


def test_draws_depend_on_label_and_template_alone() -> None:
    drawn = {label: draw(label, TEMPLATES, 5) for label in ("robin", "osprey")}
    assert drawn["robin"] == draw("robin", TEMPLATES[::-1], 5)
    assert set(drawn["robin"]) != set(drawn["osprey"])
    # One more template replaces at most one of the drawn.
    more = draw("robin", [*TEMPLATES, "new {label}"], 5)
    assert len(set(more) & set(drawn["robin"])) >= 4
    assert len(draw("robin", TEMPLATES, 50)) == 20


def test_all_templates_are_drawn_about_equally() -> None:
    drawn = [template for n in range(2000) for template in draw(f"label {n}", TEMPLATES, 2)]
    counts = [drawn.count(template) for template in TEMPLATES]
    assert sum(counts) == 4000
    assert max(abs(count - 200) for count in counts) < 80  # more than five standard deviations


def test_labels_become_seeds(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "labels.txt").write_bytes(b"osprey\n\n  robin \nosprey\nk\xe9a\n")
    (tmp_path / "templates.txt").write_text("a photo of a {label}\n\nan old {label}\na {label} at night\n")
    source = {"labels": "labels.txt", "templates": "templates.txt", "templates_per_label": 2, "domain": "birds"}
    result = build_catalog(make_recipe(source), None)
    assert result.catalog.select("label", "row", "domain", "file").rows() == [
        ("osprey", 1, "birds", "labels.txt"), ("osprey", 1, "birds", "labels.txt"),
        ("robin", 3, "birds", "labels.txt"), ("robin", 3, "birds", "labels.txt"),
    ]  # fmt: skip
    assert result.quarantine.select("row_id", "reason").rows() == [
        ("labels.txt:2", "blank"), ("labels.txt:4", "duplicate_label"), ("labels.txt:5", "undecodable"),
    ]  # fmt: skip
    assert result.counts == {"s0": {"read": 7, "seeds": 4, "blank": 1, "duplicate_label": 1, "undecodable": 1}}


@pytest.mark.parametrize(
    ("content", "words"), [("a photo\n", "templates.txt:1: not a template"), ("\n", "no template")]
)
def test_a_bad_template_is_an_error(content: str, words: str, tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "labels.txt").write_text("osprey\n")
    (tmp_path / "templates.txt").write_text(content)
    with pytest.raises(UserError, match=words):
        build_catalog(make_recipe({"labels": "labels.txt", "templates": "templates.txt"}), None)
