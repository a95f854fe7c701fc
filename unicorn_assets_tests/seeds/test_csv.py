import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.recipe import Source
from unicorn_assets.seeds.csv_table import read_csv
from unicorn_assets.seeds.lines import read_lines
from unicorn_assets.seeds.rows import Fault, Row


def test_quotes_line_breaks_and_mapping(read: Any) -> None:
    content = 'id,caption,topic\n1,"a cat, asleep",pets\n2,"two\nlines ""quoted""",\n3,plain,farm\n'
    rows = read("a.csv", content, columns={"text": "caption", "domain": "topic", "label": "id"})
    assert rows == [
        Row(2, "a cat, asleep", "pets", "1"),
        Row(3, 'two\nlines "quoted"', "", "2"),
        Row(5, "plain", "farm", "3"),
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_the_delimiter_is_found_from_the_header(delimiter: str, read: Any) -> None:
    rows = read("a.csv", f"id{delimiter}text\n1{delimiter}a cat\n")
    assert rows == [Row(2, "a cat")]


def test_ragged_and_blank_rows_are_refused(read: Any) -> None:
    rows = read("a.csv", "text,id\na cat, asleep,1\n\na dog\nan owl,2\n")
    assert [(row.number, getattr(row, "reason", None)) for row in rows] == [
        (2, "ragged_row"), (3, "blank"), (4, "ragged_row"), (5, None),
    ]  # fmt: skip


def test_an_open_quote_costs_one_line_only(read: Any) -> None:
    rows = read("a.csv", 'text\n"never closed\na cat\n"a dog"\n"x"y\nan owl\n')
    assert [row.number for row in rows if isinstance(row, Fault)] == [2, 5]
    assert {row.text for row in rows if isinstance(row, Row)} == {"a cat", "a dog", "an owl"}
    many = read("a.csv", 'text\n"never closed\n' + "a cat\n" * 5000)
    assert [row.reason for row in many if isinstance(row, Fault)] == ["malformed_csv"]
    assert len(many) == 5001


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\ufeff\ufffd")), min_size=1, max_size=10)
)
def test_what_the_csv_writer_writes_comes_back(texts: list[str]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["text", "id"])
    writer.writerows([text, number] for number, text in enumerate(texts))
    stream = io.BytesIO(buffer.getvalue().encode())
    found = list(read_csv(Source(name="s", path="a"), read_lines(stream, "utf-8", "a"), "a"))
    assert [row.text for row in found if isinstance(row, Row)] == texts
