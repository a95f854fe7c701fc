"""Parquet: batch by batch, only the mapped columns. Rows are counted from 1 over the whole file."""

from collections.abc import Iterator
from typing import IO, Any

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.columns import missing_column, wanted_columns
from unicorn_assets.seeds.rows import Fault, Row

BATCH_ROWS = 8192


def read_parquet(source: Source, stream: IO[bytes], shown: str) -> Iterator[Row | Fault]:
    """Rows of a Parquet file; a missing column or one that holds no text is a UserError."""
    pa, pq = _pyarrow()
    if stream.read(1) == b"":
        raise UserError(f"{shown}: the file is empty", "every source needs at least one row")
    stream.seek(0)
    try:
        yield from _rows(source, pq.ParquetFile(stream, pre_buffer=False), shown)
    except pa.ArrowException as error:
        first_line = str(error).strip().split("\n")[0]
        raise UserError(f"{shown}: cannot be read as Parquet: {first_line}", "is the file complete?") from None


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UserError("reading Parquet sources needs pyarrow", "make install EXTRAS=local,encode") from None
    return pa, pq


def _rows(source: Source, file: Any, shown: str) -> Iterator[Row | Fault]:
    schema, wanted = file.schema_arrow, wanted_columns(source)
    for column in wanted.values():
        if column not in schema.names:
            raise missing_column(source, column, schema.names, shown)
    kind = schema.field(wanted["text"]).type
    if not _holds_text(kind):
        raise UserError(
            f"{shown}: column {wanted['text']!r} holds {kind}, not text", "set the source's `columns: {text: ...}`"
        )
    number = 0
    for batch in file.iter_batches(BATCH_ROWS, columns=sorted(set(wanted.values()))):
        lists = {role: _values(batch.column(batch.schema.get_field_index(name))) for role, name in wanted.items()}
        nothing: list[str | None] = [None] * batch.num_rows
        domains, labels = lists.get("domain", nothing), lists.get("label", nothing)
        for text, domain, label in zip(lists["text"], domains, labels, strict=True):
            number += 1
            if text is None:
                yield Fault(number, "missing_value", f"{wanted['text']!r} is null", "")
            else:
                yield Row(number, text, domain, label)


def _holds_text(kind: Any) -> bool:
    pa, _ = _pyarrow()
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = ("is_string", "is_large_string", "is_string_view", "is_binary", "is_large_binary", "is_binary_view")
    return any(getattr(pa.types, test)(kind) for test in (*tests, "is_null"))


def _values(column: Any) -> list[str | None]:
    pa, _ = _pyarrow()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not _holds_text(column.type):
        return [None if value is None else str(value) for value in column.to_pylist()]
    # By way of bytes, because Parquet files with broken UTF-8 exist and one such value must not end the file.
    values = column.cast(pa.large_binary()).to_pylist()
    return [None if value is None else value.decode("utf-8", "surrogateescape") for value in values]
