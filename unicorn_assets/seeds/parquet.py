"""Parquet: batch by batch, only the mapped columns. Rows are counted from 1 over the whole file.

Text stays dictionary-encoded until it is looked at, and long cells are never made into Python objects, so that a small
file that unpacks to gigabytes costs little memory.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from unicorn_assets.errors import UserError
from unicorn_assets.parquet_pages import open_parquet
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.columns import missing_column, wanted_columns
from unicorn_assets.seeds.normalise import escaped
from unicorn_assets.seeds.rows import Fault, Row
from unicorn_assets.seeds.sniff import HEAD_BYTES, kind_of
from unicorn_assets.seeds.sources import FREE_BYTES, MAX_RATIO

BATCH_ROWS = 1024
MAX_CELL_BYTES = 1_000_000
MAX_BATCH_BYTES = 64 << 20
MAX_VALUES = 1 << 31
"""Of a column in one group of rows: all may say the same, and they are read batch by batch."""
_PLAIN = frozenset({"PLAIN", "RLE", "BIT_PACKED", "PLAIN_DICTIONARY", "RLE_DICTIONARY"})
"""Encodings of pages that can stay dictionary-encoded in memory, and unpack to what the footer says."""
_BUFFER_BYTES = 1 << 20
_TEXTS = ("is_string", "is_large_string", "is_string_view", "is_binary", "is_large_binary", "is_binary_view")
_TOO_LONG = object()


def read_parquet(source: Source, stream: IO[bytes], shown: str) -> Iterator[Row | Fault]:
    """Rows of a Parquet file; a missing column or one that holds no text is a UserError."""
    pa, pq = _pyarrow()
    head = stream.read(HEAD_BYTES)
    if not head:
        raise UserError(f"{shown}: the file is empty", "every source needs at least one row")
    kind = kind_of(head)
    if kind and not head.startswith((b"PAR1", b"PARE")):
        raise UserError(f"{shown}: this is {kind[0]}, not Parquet", kind[1])
    stream.seek(0)
    wanted = wanted_columns(source)
    try:
        footer = pq.ParquetFile(stream, pre_buffer=False)
        _check_columns(source, footer.schema_arrow, wanted, shown)
        chunks = _chunks(stream, set(wanted.values()), shown)
        _check_size(chunks, shown)
        texts = {name for name in wanted.values() if _holds_text(footer.schema_arrow.field(name).type)}
        # A cell may repeat the one before it: it has at most the bytes of all, and a batch so many of them.
        odd = [chunk for chunk in chunks if not set(chunk.encodings.split(", ")) <= _PLAIN]
        batch_rows = min([BATCH_ROWS, *(max(1, MAX_BATCH_BYTES // max(chunk.out, 1)) for chunk in odd)])
        packed = sorted(texts - {chunk.column for chunk in odd})
        options = {"metadata": footer.metadata, "buffer_size": _BUFFER_BYTES, "read_dictionary": packed}
        with open_parquet(stream, MAX_VALUES, **options) as file:
            yield from _rows(file, wanted, batch_rows, shown)
    except (pa.ArrowException, OSError, ValueError) as error:
        first_line = escaped(str(error).strip().split("\n")[0][:200])
        raise UserError(f"{shown}: cannot be read as Parquet: {first_line}", "is the file complete?") from None


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UserError("reading Parquet sources needs pyarrow", "make install EXTRAS=local,encode") from None
    return pa, pq


def _rows(file: Any, wanted: dict[str, str], batch_rows: int, shown: str) -> Iterator[Row | Fault]:
    is_json = _is_json(file.schema_arrow.field(wanted["text"]).type)
    number = 0
    for batch in file.iter_batches(batch_rows, columns=sorted(set(wanted.values()))):
        lists = {role: _values(batch.column(batch.schema.get_field_index(name))) for role, name in wanted.items()}
        nothing: list[Any] = [None] * batch.num_rows
        domains, labels = lists.get("domain", nothing), lists.get("label", nothing)
        for text, domain, label in zip(lists["text"], domains, labels, strict=True):
            number += 1
            if text is _TOO_LONG:
                detail = f"the cell has more than {MAX_CELL_BYTES:,} bytes"
                yield Fault(number, "line_too_long", detail, "")
                continue
            row = _from_json(number, text) if is_json and text is not None else text
            if row is None:
                yield Fault(number, "missing_value", f"{wanted['text']!r} is null", "")
            elif isinstance(row, Fault):
                yield row
            else:
                yield Row(number, row, _short(domain), _short(label))
    if number != file.metadata.num_rows:
        raise UserError(
            f"{shown}: the file says that it has {file.metadata.num_rows:,} rows, {number:,} are there",
            "is the file complete? write it again",
        )


def _check_columns(source: Source, schema: Any, wanted: dict[str, str], shown: str) -> None:
    for column in wanted.values():
        if column not in schema.names:
            raise missing_column(source, column, schema.names, shown)
        if schema.names.count(column) > 1:
            raise UserError(f"{shown}: there are {schema.names.count(column)} columns {column!r}", "rename one of them")
    kind = schema.field(wanted["text"]).type
    if not _holds_text(kind):
        raise UserError(
            f"{shown}: column {wanted['text']!r} holds {kind}, not text", "set the source's `columns: {text: ...}`"
        )


class _Chunk(NamedTuple):
    """One column of one row group, as the footer tells it."""

    column: str
    encodings: str
    out: int
    packed: int


def _chunks(stream: IO[bytes], wanted: set[str], shown: str) -> list[_Chunk]:
    """The chunks of the wanted columns. DuckDB reads the footer: Arrow ends the process over some damaged ones."""
    import duckdb

    end = stream.seek(0, os.SEEK_END)
    stream.seek(max(end - 8, 0))
    length = int.from_bytes(stream.read(4), "little")
    if not 0 < length <= end - 12:
        raise _no_footer(shown)
    stream.seek(end - 8 - length)
    with tempfile.NamedTemporaryFile(suffix=".parquet") as footer, duckdb.connect() as database:
        footer.write(b"PAR1" + stream.read(length + 8))
        footer.flush()
        try:
            rows = database.execute(
                "SELECT path_in_schema, encodings, total_uncompressed_size, total_compressed_size "
                "FROM parquet_metadata(?)",
                [footer.name],
            ).fetchall()
        except duckdb.Error:
            raise UserError(
                f"{shown}: cannot be read as Parquet: its footer is damaged", "is the file complete?"
            ) from None
    stream.seek(0)
    tops = {name.split(".")[0] for name in wanted}
    chunks = [_Chunk(str(path), str(kinds), out or 0, max(packed or 0, 1)) for path, kinds, out, packed in rows]
    return [chunk for chunk in chunks if chunk.column.split(".")[0].split(", ")[0] in tops]


def _no_footer(shown: str) -> UserError:
    return UserError(f"{shown}: cannot be read as Parquet: its footer is damaged", "is the file complete?")


def _check_size(chunks: list[_Chunk], shown: str) -> None:
    """Refuse a column that would unpack beyond all measure before anything is unpacked."""
    for chunk in chunks:
        if chunk.out > FREE_BYTES and chunk.out > chunk.packed * MAX_RATIO:
            raise UserError(
                f"{shown}: column {chunk.column!r} unpacks to more than {MAX_RATIO} times its size: "
                f"{chunk.out:,} bytes from {chunk.packed:,}",
                "if these are real texts, write the file with a dictionary or smaller row groups",
            )


def _is_json(kind: Any) -> bool:
    return str(getattr(kind, "extension_name", "")) == "arrow.json"


def _plain_type(kind: Any) -> Any:
    """Without an extension (Arrow's and DuckDB's JSON) and without a dictionary around it."""
    pa, _ = _pyarrow()
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _holds_text(kind: Any) -> bool:
    pa, _ = _pyarrow()
    kind = _plain_type(kind)
    return any(getattr(pa.types, test)(kind) for test in (*_TEXTS, "is_null"))


def _values(column: Any) -> list[Any]:
    """Python values of a column: texts as str, _TOO_LONG for cells beyond the limit, None for nulls."""
    pa, _ = _pyarrow()
    import pyarrow.compute as pc

    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if not _holds_text(column.type):
        return [None if value is None else str(value) for value in column.to_pylist()]
    if not pa.types.is_dictionary(column.type):
        return _texts(column)
    # Only the values that this batch refers to, each once: a dictionary may be large, and its cells too.
    used = pc.unique(column.indices).drop_null()
    texts = dict(zip(used.to_pylist(), _texts(column.dictionary.take(used)), strict=True))
    return [None if index is None else texts[index] for index in column.indices.to_pylist()]


def _texts(column: Any) -> list[Any]:
    pa, _ = _pyarrow()
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return [None] * len(column)
    # By way of bytes, because Parquet files with broken UTF-8 exist and one such value must not end the file.
    cells = column.cast(pa.large_binary())
    is_long = pc.greater(pc.binary_length(cells), MAX_CELL_BYTES)
    values = pc.if_else(is_long, pa.scalar(None, pa.large_binary()), cells).to_pylist()
    return [
        _TOO_LONG if long else None if value is None else value.decode("utf-8", "surrogateescape")
        for value, long in zip(values, is_long.to_pylist(), strict=True)
    ]


def _short(value: Any) -> str | None:
    return None if value is _TOO_LONG else value


def _from_json(number: int, text: str) -> str | Fault | None:
    """The text in a cell of a JSON column: of a JSON text what it says, of what is no JSON the cell as it is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if value is None or isinstance(value, str):
        return value
    return Fault(number, "not_text", f"JSON of kind {type(value).__name__}, not a text", text)
