"""Making a release: what determines its version, and the files in their order.

Here: the two releases' own facts and the way from shards to a finished folder. Not here: byte layouts (writers.py),
the card's words (card.py), appearing whole (folder.py).
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from typing import IO, Any

from unicorn_assets.errors import UserError
from unicorn_assets.graph import ARTIFACTS, ASSETS, ancestors
from unicorn_assets.ids import digest
from unicorn_assets.lake.artifacts import read_artifact
from unicorn_assets.lake.store import Lake
from unicorn_assets.recipe import NO_DATA, Recipe
from unicorn_assets.release.card import card
from unicorn_assets.release.counts import stage_counts
from unicorn_assets.release.facts import ReleaseFacts, ReleaseFile, ReleaseInfo
from unicorn_assets.release.folder import existing, info_of, new_folder, only_writer, point_latest, write_manifest
from unicorn_assets.release.records import VECTORS, Batch, instruction_batch, pretrain_batch
from unicorn_assets.release.statistics import CaptionStatistics
from unicorn_assets.release.writers import Embeddings, JsonArray, ParquetFiles, Writer, describe

FORMAT = 2
"""Enters every version; raised when the layout of the files changes. 2: vectors in the Parquet files, offsets."""

TRANSFER = ARTIFACTS["transfer"]
"""The fitted move, under the name it has among the lake's artifacts."""

OnProgress = Callable[[int], object]
"""Told how many more rows are written; the `advance` of a progress stage fits."""


@dataclass(frozen=True)
class Kind:
    """One of the two releases: its asset, the name of its data files, and how records are made."""

    asset: str
    stem: str
    batch: Callable[[Lake, str], Batch]

    @property
    def table(self) -> str:
        """The table that it is cut from."""
        return ASSETS[self.asset].table

    @property
    def stages(self) -> list[str]:
        """Counted in the card; what comes later must not change the version."""
        return [name for name in ancestors(self.table) if name != "seed_catalog"]


PRETRAIN = Kind("unicorn_1_2m", "Pretrain", pretrain_batch)
INSTRUCTION = Kind("unicorn_471k_instruction", "Instruction", instruction_batch)


def release_pretrain(
    lake: Lake, recipe: Recipe, shards: Sequence[str], facts: ReleaseFacts, on_progress: OnProgress | None = None
) -> ReleaseInfo:
    """Release captions with their embeddings: Pretrain.json and its offsets, Pretrain-*.parquet with the vectors,
    embeddings.safetensors, card, manifest.

    The same inputs give the same version and the same bytes. A version that is there already is reused as it is.
    Raises UserError when a shard is missing, when records and vectors do not join, or when there is nothing to release.
    """
    return _release(lake, recipe, shards, facts, on_progress, PRETRAIN)


def release_instruction(
    lake: Lake, recipe: Recipe, shards: Sequence[str], facts: ReleaseFacts, on_progress: OnProgress | None = None
) -> ReleaseInfo:
    """Release the multi-turn records with the embeddings of their captions; otherwise like release_pretrain."""
    return _release(lake, recipe, shards, facts, on_progress, INSTRUCTION)


def recipe_hash(recipe: Recipe) -> str:
    """Hash of what shapes the data: all of the recipe but the checks and how the LLM is reached."""
    # Releases from before there were these keys keep their hash.
    unset: dict[str, Any] = {"drift": True} if recipe.drift is None else {}
    unset |= {"near_duplicates": {"cosine", "encoder"}} if recipe.near_duplicates.cosine is None else {}
    shaping = recipe.model_dump(mode="json", exclude={"checks": True, "llm": True, **NO_DATA, **unset})
    return digest([shaping, recipe.llm.model, recipe.llm.revision])


def _release(
    lake: Lake, recipe: Recipe, shards: Sequence[str], facts: ReleaseFacts, on_progress: OnProgress | None, kind: Kind
) -> ReleaseInfo:
    shards = sorted(set(shards))
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "asset": kind.asset,
        "recipe": {"name": recipe.name, "hash": recipe_hash(recipe)},
        "parents": _parents(lake, shards, kind),
        "facts": asdict(facts),
        "counts": stage_counts(lake, shards, kind.stages),
    }
    version = manifest["version"] = digest(manifest, 6)
    with only_writer(lake, kind.asset):
        info = existing(lake, kind.asset, version)
        if info is None:
            with new_folder(lake, kind.asset, version) as folder:
                _fill(lake, folder, recipe, shards, facts, on_progress, kind, manifest)
            info = info_of(lake, manifest, created=True)
        point_latest(lake, kind.asset, version)
    return info


def _parents(lake: Lake, shards: Sequence[str], kind: Kind) -> dict[str, str]:
    """Content hash of every shard the release is made of."""
    parents, rows = {}, 0
    for shard in shards:
        for name, info in ((kind.table, lake.info(kind.table, shard)), (VECTORS, lake.vector_info(VECTORS, shard))):
            if info is None:
                raise UserError(
                    f"{name} has no shard {shard!r} in {lake.url}", f"materialize {name} for that shard first"
                )
            parents[f"{name}/{shard}"] = info.content
            rows += info.rows if name == kind.table else 0
    if not rows:
        raise UserError(
            f"{kind.asset} would be empty: {kind.table} has no rows in {len(shards)} shards",
            "look at the quarantine for the reasons, and at the gates of the recipe",
        )
    return parents


def _fill(
    lake: Lake, folder: str, recipe: Recipe, shards: Sequence[str], facts: ReleaseFacts, on_progress: OnProgress | None,
    kind: Kind, manifest: dict[str, Any],
) -> None:  # fmt: skip
    about = {"asset": kind.asset, "version": manifest["version"], "encoder": facts.encoder, "transfer": facts.transfer}
    names = (f"{kind.stem}.json", f"{kind.stem}.offsets.npy", "embeddings.safetensors")
    statistics, origins, rows = CaptionStatistics(), Counter[tuple[str, str]](), 0

    def opened(name: str) -> AbstractContextManager[IO[bytes]]:
        return lake.files.writing(f"{folder}/{name}")

    with ExitStack() as open_files:
        handles = [open_files.enter_context(opened(name)) for name in names]
        parquet = open_files.enter_context(ParquetFiles(opened, kind.stem))
        # The vectors' own file first: it refuses what no trainer could use.
        embeddings = Embeddings(handles[2], facts.dimension, about)
        writers: tuple[Writer, ...] = (embeddings, JsonArray(*handles[:2]), parquet)
        for shard in shards:
            batch = kind.batch(lake, shard)
            for writer in writers:
                writer.add(batch)
            statistics.add(batch.frame["caption"])
            origins.update(batch.frame.select("model", "prompt_version").iter_rows())
            rows += batch.frame.height
            if on_progress:
                on_progress(batch.frame.height)
        for writer in writers:
            writer.close()
        files = {name: describe(handle, rows) for name, handle in zip(names, handles, strict=True)} | parquet.files
    if kind is PRETRAIN and facts.transfer_version:
        move = read_artifact(lake, TRANSFER)
        lake.files.write(f"{folder}/{TRANSFER}", move)
        files[TRANSFER] = ReleaseFile(len(move), hashlib.sha256(move).hexdigest(), None)
    text = card(kind.stem, recipe, facts, manifest, rows, statistics, origins).encode("utf-8")
    lake.files.write(f"{folder}/README.md", text)
    files["README.md"] = ReleaseFile(len(text), hashlib.sha256(text).hexdigest(), None)
    manifest |= {"rows": rows, "dimension": facts.dimension, "files": {n: asdict(file) for n, file in files.items()}}
    write_manifest(lake, folder, manifest)
