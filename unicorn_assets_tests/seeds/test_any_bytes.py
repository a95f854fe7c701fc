"""Whatever a file holds: every line ends in a row or a fault, or the file is refused in one clear error."""

import io
from collections.abc import Callable, Iterator

from hypothesis import example, given
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.csv_table import read_csv
from unicorn_assets.seeds.jsonl import read_jsonl
from unicorn_assets.seeds.lines import Line, read_lines
from unicorn_assets.seeds.rows import Fault, Row

SOURCE = Source(name="s", path="a.file")
CONTENT = st.lists(
    st.one_of(
        st.binary(max_size=40), st.sampled_from([b'{"text": "a cat"}', b'"a cat",1', b'"', b"\xe9", b"{}", b"\r"])
    ),
    max_size=8,
).map(b"\n".join)


def outcome(
    content: bytes, read: Callable[[Iterator[Line]], Iterator[Row | Fault]]
) -> tuple[int, list[Row | Fault], str]:
    """Number of lines, what was read of them, and the error's message or nothing."""
    lines: list[Line] = []
    try:
        lines = list(read_lines(io.BytesIO(content), "utf-8", "a.file"))
        return len(lines), list(read(iter(lines))), ""
    except UserError as error:
        return len(lines), [], error.message


@given(CONTENT)
@example(b"")
def test_jsonl(content: bytes) -> None:
    lines, found, message = outcome(content, lambda lines: read_jsonl(SOURCE, lines, "a.file"))
    if message:
        assert message.startswith("a.file:")
    else:
        assert [row.number for row in found] == list(range(1, lines + 1))


@given(CONTENT)
@example(b'"\n"\n"')
def test_csv(content: bytes) -> None:
    lines, found, message = outcome(b"text,id\n" + content, lambda lines: read_csv(SOURCE, lines, "a.file"))
    if message:
        assert message.startswith("a.file:")
    else:
        # A record may take several lines; the lines of all records together are the file.
        starts = [row.number for row in found]
        assert starts == sorted(set(starts))
        assert (starts[:1] == [2]) == (lines > 1)
