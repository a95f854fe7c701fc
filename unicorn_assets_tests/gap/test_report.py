"""The page: whole, readable without a network, honest about what it was measured on."""

from html.parser import HTMLParser

import numpy as np
import pytest

from unicorn_assets.gap import compare, report_html
from unicorn_assets.gap.meaning import MEANING
from unicorn_assets.transfer import METHODS, Transfer, fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

VOID = {"meta", "br", "img", "hr", "link", "input"}


class Page(HTMLParser):
    """Elements, words and references of a page; raises where tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.references: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        self.references += [value for name, value in found.items() if name in ("src", "href", "xlink:href", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open = self.open if tag in VOID else self.open[:-1]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def world(seed: int = 0, n: int = 60, d: int = 6) -> tuple[Transfer, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    text, images = rng.normal(size=(n, d)) + 1, rng.normal(size=(n + 20, d)) - 0.5
    space = Space("an <encoder>", "r&1", d)
    move = fit("realign", 1, Statistics(space).add(images), lambda: [text], space=space)
    return move, text.astype(np.float32), images.astype(np.float32)


@pytest.fixture(scope="module")
def page() -> Page:
    move, text, images = world()
    about = {"texts": "texts <1>.npy"}
    return Page(report_html(move, text, images, (text, images[: len(text)]), about=about))


def test_it_is_whole_and_refers_to_nothing_outside(page: Page) -> None:
    assert page.open == []
    inside = [ref for ref in page.references if not ref.startswith("#")]
    assert inside
    assert all(ref.startswith("data:image/png;base64,") for ref in inside)
    assert {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "img"} == set()
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    targets = {ref[1:] for ref in page.references if ref.startswith("#")}
    assert targets <= set(ids)


def test_no_address_stands_in_it_at_all() -> None:
    move, text, images = world()
    html = report_html(move, text, images)
    assert "http" not in html
    assert "@import" not in html
    assert html.count("url(") == html.count("url(#")
    assert html == report_html(move, text, images)


def test_every_figure_its_interval_and_its_meaning_are_there(page: Page) -> None:
    words = " ".join(page.words)
    for metric, meaning in MEANING.items():
        assert meaning in words, metric
    move, text, images = world()
    measured = compare(move, text, images, (text, images[: len(text)]))
    for state in (measured.before, measured.after, measured.cross_fitted):
        for metric, found in state.items():
            assert f"{found.value:.3f}" in words, metric
            assert f"{found.low:.3f} to {found.high:.3f}" in words, metric
    for origin in ("an <encoder>", "r&1", "texts <1>.npy", move.version(), "text vectors behind the move",
                   "standard error of the image mean"):  # fmt: skip
        assert origin in words


def test_plots_have_words_for_those_who_do_not_see_them(page: Page) -> None:
    pictures = [found for tag, found in page.elements if tag == "svg"]
    assert len(pictures) == 4
    for found in pictures:
        assert found["role"] == "img"
        assert len(found["aria-label"]) > 60
    assert "recall at k" in page.words


def test_it_says_what_the_move_had_seen() -> None:
    move, text, images = world()
    unknown = " ".join(Page(report_html(move, text, images)).words)
    assert "It is not known whether these rows took part" in unknown
    assert "no pairs" in unknown
    measured = compare(move, text, images, in_fit=True)
    assert "they took part in its fit" in " ".join(Page(report_html(move, text, images, measured=measured)).words)
    apart = " ".join(Page(report_html(move, text, images, measured=compare(move, text, images, in_fit=False))).words)
    assert "took part" not in apart


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_page(method: str) -> None:
    _, text, images = world()
    space = Space("test", "1", text.shape[1])
    move = fit(method, 2, Statistics(space).add(images), lambda: [text], space=space)
    words = " ".join(Page(report_html(move, text, images)).words)
    assert f"after: {method}" in words
    assert ("noise (cosine" in words) == (method == "c3")


def test_too_few_rows_for_the_dimensions_are_marked() -> None:
    move, text, images = world(n=40, d=24)
    words = " ".join(Page(report_html(move, text, images)).words)
    assert "20 held-out texts are fewer than the 24 dimensions" in words
    assert "30 held-out images" not in words
