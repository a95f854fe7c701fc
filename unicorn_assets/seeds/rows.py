"""What readers yield: a row, or the fault of a row with a reason code. Nothing is dropped without one of the two."""

from typing import Final, Literal, NamedTuple

Reason = Literal[
    "blank", "missing_value", "not_text", "undecodable", "line_too_long", "malformed_json", "malformed_csv",
    "ragged_row", "no_text", "markup", "too_short", "too_long", "duplicate_label", "duplicate_seed", "unusable_file",
]  # fmt: skip

REASONS: Final[dict[Reason, str]] = {
    "blank": "the line or the value is empty, or only white space and control characters",
    "missing_value": "the text is null, or the row has no such key",
    "not_text": "the text is a number, a list or an object",
    "undecodable": "bytes that the source's encoding does not know, zero bytes, or characters lost before",
    "line_too_long": "the line, or the text alone, has more than a million characters",
    "malformed_json": "the line is not a JSON object, or has a wanted key more than once",
    "malformed_csv": "a quote is not closed, or a field goes on after its closing quote",
    "ragged_row": "the row has more or fewer fields than the header",
    "no_text": "a word that stands for nothing, such as nan or N/A (seeds.no_text), or punctuation alone",
    "markup": "marks of chat templates such as [INST] or <image>, or HTML that does not come to an end",
    "too_short": "fewer characters than seeds.min_chars",
    "too_long": "more characters than seeds.max_chars",
    "duplicate_label": "the label occurs earlier in the same list",
    "duplicate_seed": "the same text occurs elsewhere; detail names the row that is kept",
    "unusable_file": "a new file of a folder that is empty, not finished, or not what its name says; its row is 0",
}


class Row(NamedTuple):
    """A text as it stands in the file.

    `number`: 1-based. In text, label, JSONL and CSV files it is the line where the row begins, as an editor counts
    (a CSV header is line 1); in Parquet the data row. `domain` is None where the source's own domain holds.
    """

    number: int
    text: str
    domain: str | None = None
    label: str | None = None


class Fault(NamedTuple):
    """A row that cannot be used: where, why, and the text as it came."""

    number: int
    reason: Reason
    detail: str
    raw: str
