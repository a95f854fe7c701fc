"""The lake: tables as Parquet and vectors as safetensors, one file per shard, with their making written inside.

Layout below the root: tables/<table>/<shard>.parquet, vectors/<name>/<shard>.safetensors, journal/, releases/.
Unpartitioned tables have one shard, ALL. A damaged file counts as not there: it is told (damage.py) and, in a lake that
is opened to be worked on, set aside. Here: reading, writing, provenance. Not here: SQL (query.py), bytes
(shard_files.py).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.lake import shard_files
from unicorn_assets.lake.damage import ASIDE, Damage
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.shard_files import (
    Made,
    ShardInfo,
    content_hash,
    decode_ids,
    encode_ids,
    vector_content,
)
from unicorn_assets.stream import Stream

__all__ = ["ALL", "Lake", "Made", "ShardInfo", "content_hash", "decode_ids", "encode_ids", "vector_content"]

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())  # who listens says it in words; nobody needs it twice

ALL = "all"


class Lake:
    """All data of one data set. `url` is a folder or s3://bucket/prefix; safe to share between threads and pods.

    `mends`: damaged files are set aside when they are met, so that they are made again. `events` gets each `Damage`.
    `proved`: what other lakes of this process have proved of the same files, to share.
    """

    def __init__(
        self,
        url: str,
        storage_options: dict[str, Any] | None = None,
        *,
        mends: bool = False,
        events: Stream | None = None,
        proved: dict[str, tuple[tuple[int, ...], ShardInfo]] | None = None,
    ) -> None:
        self.events = events or Stream()
        self.storage_options = storage_options or {}
        self.files = Files(url, self.storage_options)
        self.url = self.files.root
        self.mends = mends
        self.damaged: dict[str, Damage] = {}
        """Files that were found damaged, by name below the root."""
        self._proved = {} if proved is None else proved

    def path(self, table: str, shard: str = ALL) -> str:
        """Name of a table shard's file below the root."""
        return f"tables/{table}/{shard}.parquet"

    def vector_path(self, name: str, shard: str) -> str:
        """Name of a vector shard's file below the root."""
        return f"vectors/{name}/{shard}.safetensors"

    # ---- tables

    def write(
        self, table: str, shard: str, frame: pl.DataFrame, made: Made, extra: Mapping[str, Any] | None = None
    ) -> ShardInfo:
        """Replace one shard of `table`. `frame` must have the table's columns (schemas.py); order is made the same."""
        schema = polars_schema(_schema_name(table))
        frame = frame.select([pl.col(name).cast(dtype) for name, dtype in schema.items()]).rechunk()
        info = ShardInfo(frame.height, content_hash(frame), made.inputs, made, dict(extra or {}))
        self._replace(self.path(table, shard), shard_files.table_bytes(frame, info))
        return info

    def read(self, table: str, shard: str = ALL, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """One shard of `table`; a UserError names what to materialize when it is not there."""
        frame = self.find(table, shard, columns)
        if frame is None:
            raise self._not_there(table, shard, self.path(table, shard))
        return frame

    def find(self, table: str, shard: str = ALL, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
        """One shard of `table`, every bit of its file proved; None when there is no such shard, or it is damaged."""
        data = self._proved_bytes(self.path(table, shard), shard_files.check_table)
        return None if data is None else shard_files.table_rows(data, columns)

    def read_many(self, table: str, shards: Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Several shards, one below the other, with a column `shard`."""
        frames = [self.read(table, shard, columns).with_columns(shard=pl.lit(shard)) for shard in shards]
        schema = {k: v for k, v in polars_schema(_schema_name(table)).items() if not columns or k in columns}
        return pl.concat(frames) if frames else pl.DataFrame(schema={**schema, "shard": pl.String})

    def info(self, table: str, shard: str = ALL) -> ShardInfo | None:
        """What the shard's file says of itself; None when there is no such shard, or that is damaged. Reads the footer
        only, which proves itself; `is_sound` proves the rows.
        """
        return self._info(self.path(table, shard), deep=False)

    def shards(self, table: str) -> list[str]:
        """Shards of `table` that exist, sorted."""
        return [name.removesuffix(".parquet") for name in self.files.names(f"tables/{table}", ".parquet")]

    # ---- vectors

    def write_vectors(
        self,
        name: str,
        shard: str,
        ids: Sequence[str],
        vectors: NDArray[np.floating[Any]],
        made: Made,
        extra: Mapping[str, Any] | None = None,
    ) -> ShardInfo:
        """Replace one shard of vectors: `vectors` is (rows, dimension) and stored as fp16, `ids` joins row by row."""
        if len(ids) != len(vectors):
            raise ValueError(f"{len(ids)} ids for {len(vectors)} vectors")
        matrix = np.ascontiguousarray(vectors, dtype=np.float16)
        info = ShardInfo(len(ids), vector_content(ids, matrix), made.inputs, made, dict(extra or {}))
        self._replace(self.vector_path(name, shard), shard_files.vector_bytes(ids, matrix, info))
        return info

    def read_vectors(self, name: str, shard: str) -> tuple[list[str], NDArray[np.float16]]:
        """Ids and the (rows, dimension) fp16 matrix of one shard, every bit of its file proved."""
        found = self.find_vectors(name, shard)
        if found is None:
            raise self._not_there(name, shard, self.vector_path(name, shard))
        return found

    def find_vectors(self, name: str, shard: str) -> tuple[list[str], NDArray[np.float16]] | None:
        """Like read_vectors; None when there is no such shard, or it is damaged."""
        data = self._proved_bytes(self.vector_path(name, shard), shard_files.check_vectors)
        return None if data is None else shard_files.vector_rows(data)

    def vector_info(self, name: str, shard: str) -> ShardInfo | None:
        """What the vector file says of itself; None when there is no such shard, or that is damaged. Reads the header
        only, which proves itself.
        """
        return self._info(self.vector_path(name, shard), deep=False)

    def vector_shards(self, name: str) -> list[str]:
        """Shards of these vectors that exist, sorted."""
        return [file.removesuffix(".safetensors") for file in self.files.names(f"vectors/{name}", ".safetensors")]

    @cached_property
    def journal_url(self) -> str:
        """Where the journal of LLM answers lives."""
        return self.files.url("journal")

    # ---- damage

    def tell(self, damage: Damage) -> None:
        """Tell all who listen, and the log."""
        log.warning("%s", damage)
        self.events.emit(damage)

    def is_sound(self, path: str) -> bool:
        """Whether a shard's file (its name below the root) is there and as it was written: on local disk every bit is
        proved, once as long as the file stays as it is; on S3, whose objects do not rot, its description.
        """
        return self._info(path, self.files.is_local) is not None

    def report(self, path: str, reason: str) -> None:
        """Tell of a damaged file, and set it aside if this lake mends."""
        aside = ""
        if self.mends:
            try:
                aside = self.files.set_aside(path, ASIDE)
            except OSError:  # a folder that may only be read: then it stays, and counts as not there
                aside = ""
        known = self.damaged.get(path)
        self.damaged[path] = Damage(path, reason, aside)
        if known is None or aside:
            self.tell(self.damaged[path])

    def _info(self, path: str, deep: bool) -> ShardInfo | None:
        is_table = path.endswith(".parquet")
        if deep:
            stamp = self.files.stamp(path)
            known = self._proved.get(path)
            if known is not None and known[0] == stamp:
                return known[1]
            data = self._proved_bytes(path, shard_files.check_table if is_table else shard_files.check_vectors)
            known = self._proved.get(path)
            return None if data is None or known is None else known[1]
        try:
            if is_table:
                return shard_files.table_info(lambda size: self.files.tail(path, size))
            return shard_files.vector_info(lambda size: self.files.head(path, size))
        except FileNotFoundError:
            return None
        except IsADirectoryError:
            self.report(path, "it is a folder")
        except ValueError as error:
            self.report(path, str(error))
        return None

    def _proved_bytes(self, path: str, check: Callable[[bytes], ShardInfo]) -> bytes | None:
        """The whole file, once `check` is content with it."""
        stamp = self.files.stamp(path) if self.files.is_local else ()
        reason = ""
        for _ in range(2):  # what was read may have been cut off on its way
            try:
                data = self.files.read(path)
                info = check(data)
            except FileNotFoundError:
                return None
            except IsADirectoryError:
                reason = "it is a folder"
                break
            except ValueError as error:
                reason = str(error)
            else:
                if stamp:
                    self._proved[path] = (stamp, info)
                return data
        self.report(path, reason)
        return None

    def _replace(self, path: str, data: bytes) -> None:
        self._proved.pop(path, None)
        self.files.write(path, data)
        self.damaged.pop(path, None)

    def _not_there(self, name: str, shard: str, path: str) -> UserError:
        if path in self.damaged:
            return UserError(str(self.damaged[path]), f"run `unicorn run`, or materialize {name} for that shard")
        return UserError(f"{name} has no shard {shard!r} in {self.url}", f"materialize {name} for that shard first")


def _schema_name(table: str) -> str:
    return table.split("/", 1)[0]  # quarantine/<stage>, ledger/<asset>
