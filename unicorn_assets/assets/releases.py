"""Releases: immutable, versioned, ready to train on. A version is the hash of what went in."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import dagster as dg

from unicorn_assets.assets.common import OWNERS, graph_row
from unicorn_assets.assets.gap import GAP
from unicorn_assets.assets.shard_work import errors_for_people, guard
from unicorn_assets.assets.transfer import TRANSFER
from unicorn_assets.assets.whole_work import finished, there
from unicorn_assets.graph import ASSETS, RELEASES
from unicorn_assets.lake.artifacts import artifact_info, read_artifact
from unicorn_assets.lake.store import ALL, Lake
from unicorn_assets.partitions import known_shards
from unicorn_assets.recipe import Recipe
from unicorn_assets.release import ReleaseFacts, ReleaseInfo, package_versions, release_instruction, release_pretrain
from unicorn_assets.resources import LakeResource, ProgressResource
from unicorn_assets.transfer import Transfer
from unicorn_assets.versions import release_version

Release = Callable[..., ReleaseInfo]
CUT_BY: Mapping[str, Release] = {"unicorn_1_2m": release_pretrain, "unicorn_471k_instruction": release_instruction}


def build(planned: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of this stage for one recipe."""
    return [_release_asset(planned, name, CUT_BY[name]) for name in RELEASES]


def _release_asset(planned: Recipe, name: str, release: Release) -> dg.AssetsDefinition:
    table = ASSETS[name].table

    @dg.asset(
        **graph_row(planned, name),
        kinds={"json", "parquet", "safetensors"},
        owners=OWNERS,
        code_version=release_version(planned),
    )
    def cut(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult[Any]:
        store, recipe = lake.begin(planned)
        with errors_for_people():
            shards = releasable(store, table, known_shards(context.instance, recipe.name))
            records = sum(made.rows for shard in shards if (made := store.info(table, shard)))
            if not records:
                context.log.warning(f"{table} holds no row yet, so there is no {name} to cut; see the quarantine")
                return dg.MaterializeResult(metadata={"dagster/row_count": 0, "created": False})
            gap = artifact_info(store, GAP)
            if gap is not None:
                guard(store, "modality_gap", ALL, gap.content)
            with closing(progress.to_log(context.log).stage(name, 0, "records")) as running:
                info = release(store, recipe, shards, facts(store, recipe), running.advance)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": info.rows,
                "dagster/uri": info.path,
                "version": info.version,
                "created": info.created,
                "shards": len(shards),
                "bytes": sum(file.bytes for file in info.files.values()),
                "card": dg.MetadataValue.md(store.files.read(f"releases/{name}/{info.version}/README.md").decode()),
            },
            data_version=dg.DataVersion(info.version),
        )

    return cut


def releasable(lake: Lake, table: str, shards: Sequence[str]) -> list[str]:
    """Those of the shards whose table and vectors are finished; refuses bad and lost ones."""
    found, made = [], there(lake, table, shards)
    for shard in finished(lake, "image_embeddings", shards):
        if shard in made:
            guard(lake, table, shard, made[shard].content)
            found.append(shard)
    return found


def facts(lake: Lake, recipe: Recipe) -> ReleaseFacts:
    """What the card says of stage 3."""
    fitted = Transfer.from_bytes(read_artifact(lake, TRANSFER))
    report = json.loads(read_artifact(lake, GAP))
    passes = f", {fitted.passes} pass(es)" if fitted.method == "realign" else ""
    return ReleaseFacts(
        encoder=fitted.space.encoder,
        encoder_revision=fitted.space.revision,
        dimension=fitted.space.dimension,
        transfer=fitted.method + passes,
        transfer_version=fitted.version() if fitted.method != "none" else "",
        moves_images=fitted.moves_images,
        noise_cosine=fitted.noise_cosine,
        gap_before={metric: estimate["value"] for metric, estimate in report["before"].items()},
        gap_after={metric: estimate["value"] for metric, estimate in report["after"].items()},
        gap_interval={metric: (estimate["low"], estimate["high"]) for metric, estimate in report["after"].items()},
        packages=package_versions(),
        licenses={source.name: source.license for source in recipe.sources if source.license},
    )
