"""What the Dagster UI shows of a shard: counts, sample rows, columns, location, the maker's figures.

Here: wording of metadata. Not here: plots of embeddings (gap/plots.py, plots.py).
"""

import base64
from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from unicorn_assets.keys import asset_key
from unicorn_assets.lake.column_origins import ORIGINS
from unicorn_assets.lake.schemas import TABLES
from unicorn_assets.lake.store import ALL, Lake, ShardInfo

SAMPLE_ROWS = 5
SAMPLE = "sample"
"""Among a table's figures: some of its rows, so that nobody reads a shard to show them."""


def column_schema(table: str) -> dict[str, dg.TableSchema]:
    """The definition's metadata that makes the UI list the columns."""
    columns = [
        dg.TableColumn(name, type=str(column.dtype), description=column.about) for name, column in TABLES[table].items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def column_lineage(table: str, recipe: str) -> dict[str, dg.TableColumnLineage]:
    """A materialization's metadata that makes the UI draw of which columns its columns are made."""
    origins = {
        column: [dg.TableColumnDep(asset_key(recipe, parent), name) for parent, name in sources]
        for column, sources in ORIGINS.get(table, {}).items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(origins)} if origins and recipe else {}


def shard_metadata(lake: Lake, name: str, shard: str, info: ShardInfo, reused: bool) -> dict[str, Any]:
    """Metadata of one shard's materialization; numeric entries are plotted over partitions and over time."""
    is_table = name in TABLES
    path = lake.path(name, shard) if is_table else lake.vector_path(name, shard)
    count_key = "dagster/row_count" if shard == ALL else "dagster/partition_row_count"
    metadata: dict[str, Any] = {
        count_key: info.rows,
        "dagster/uri": lake.files.url(path),
        "reused": reused,
        "content": info.content,
        "code version": info.made.code_version,
    }
    metadata |= column_lineage(name, info.made.recipe)
    metadata |= figures(info.extra)
    if SAMPLE in metadata:
        metadata[SAMPLE] = dg.MetadataValue.md(metadata[SAMPLE])
    return metadata


def content_version(metadata: Mapping[str, Any]) -> dg.DataVersion:
    """Dagster's version of what has this metadata: made again to the same content, it leaves its children in sync."""
    return dg.DataVersion(metadata["content"])


def with_sample(extra: Mapping[str, Any], frame: pl.DataFrame) -> dict[str, Any]:
    """The figures of a table that is about to be written, and a few of its rows."""
    return {**extra, SAMPLE: sample(frame)} if frame.height else dict(extra)


def figures(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The maker's figures, quarantine reasons flattened to one number each."""
    found: dict[str, Any] = {}
    for key, value in extra.items():
        if isinstance(value, Mapping):
            found |= {f"{key}: {inner}": number for inner, number in value.items()}
            found[key] = sum(value.values())
        else:
            found[key] = value
    return found


def sample(frame: pl.DataFrame, rows: int = SAMPLE_ROWS) -> str:
    """A few rows spread over the shard, as a table in Markdown."""
    step = max(1, frame.height // rows)
    picked = frame.gather_every(step).head(rows)
    head = f"| {' | '.join(picked.columns)} |\n|{'---|' * len(picked.columns)}\n"
    body = "\n".join(f"| {' | '.join(_cell(value) for value in row)} |" for row in picked.iter_rows())
    return head + body


def picture(png: bytes, about: str) -> dg.MarkdownMetadataValue:
    """A PNG that the UI shows without fetching anything."""
    return dg.MetadataValue.md(f"![{about}](data:image/png;base64,{base64.b64encode(png).decode()})")


def _cell(value: Any, limit: int = 240) -> str:
    text = str(value).replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"
