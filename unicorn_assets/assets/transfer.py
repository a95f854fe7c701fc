"""Stage 3, the move: fitted over all shards, then applied to each."""

from collections.abc import Iterator

import dagster as dg
import numpy as np

from unicorn_assets.assets.common import OWNERS, cpu_shards, graph_row
from unicorn_assets.assets.embeddings import REFERENCE
from unicorn_assets.assets.shard_work import Maker, Rows, Vectors, errors_for_people, fill_shards, parents
from unicorn_assets.assets.whole_work import artifact_metadata, finished, make_whole, reusable, whole
from unicorn_assets.graph import ARTIFACTS
from unicorn_assets.images.reference import ImageReference
from unicorn_assets.lake.artifacts import artifact_info, read_artifact, write_artifact
from unicorn_assets.lake.store import Lake, Made, ShardInfo
from unicorn_assets.partitions import known_shards
from unicorn_assets.progress import StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, ProgressResource
from unicorn_assets.transfer import Transfer, fit
from unicorn_assets.transfer.given import given_transfer
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.shard_statistics import corpus_statistics
from unicorn_assets.versions import transfer_version

TRANSFER = ARTIFACTS["transfer"]


def build(planned: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of this stage for one recipe."""

    @dg.asset(
        **graph_row(planned, "transfer"),
        kinds={"numpy", "safetensors"},
        owners=OWNERS,
        code_version=transfer_version(planned),
    )
    def transfer(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        store, recipe = lake.begin(planned)

        def make(stage: StageProgress) -> ShardInfo:
            space = one_space(store, shards)
            fitted = given or _fit(store, recipe, shards, space, stage)
            fitted.space.require(space, "the text vectors")
            extra = {"method": fitted.method, "version": fitted.version(), **vars(space)}
            # A given move was fitted on other vectors than this lake's.
            extra |= {f"{side} vectors" + (" of the file" if given else ""): n for side, n in fitted.counts.items()}
            extra |= {f"standard error, {side} mean": error for side, error in fitted.standard_errors.items()}
            return write_artifact(store, TRANSFER, fitted.to_bytes(), made, 0, extra)

        with errors_for_people():
            shards = finished(store, "text_embeddings", known_shards(context.instance, recipe.name))
            given = given_transfer(recipe)
            made = Made(recipe.name, transfer_version(recipe), {
                **parents(store, *(("text_embeddings", shard) for shard in shards)),
                **reference_parent(store),
                **({"file": given.version()} if given else {}),
            })  # fmt: skip
            known = reusable(context, store, "transfer")
            info, reused = make_whole(progress.to_log(context.log), "transfer", made, known, make, "vectors")
        return whole(artifact_metadata(info, reused))

    @dg.asset(
        **graph_row(planned, "image_embeddings"),
        **cpu_shards(planned),
        kinds={"numpy", "safetensors"},
        code_version=transfer_version(planned),
    )
    def image_embeddings(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        store, recipe = lake.begin(planned)
        with errors_for_people():
            fitted = Transfer.from_bytes(read_artifact(store, TRANSFER))

        def work(shard: str, stage: StageProgress) -> Rows | Vectors:
            ids, vectors = store.read_vectors("text_embeddings", shard)
            space = one_space(store, [shard])
            fitted.space.require(space, f"text_embeddings/{shard}")
            moved = np.empty(vectors.shape, np.float16)
            fitted.apply_half(vectors, moved, where=f"text_embeddings/{shard}", ids=ids)
            stage.advance(len(ids))
            # c3's noise is never stored: whoever reads the vectors draws it (transfer/noise.py).
            noise = {"noise cosine": fitted.noise_cosine} if fitted.noise_cosine else {}
            return Vectors(ids, moved, figures={"method": fitted.method, **noise, **vars(space)})

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            Maker(
                "image_embeddings",
                version=transfer_version(recipe),
                parents_of=lambda shard: {**parents(store, ("text_embeddings", shard)), "transfer": fitted.version()},
                work=work,
                rows_of=lambda shard: store.read("captions", shard, ["caption_id"]).height,
            ),
        )  # fmt: skip

    return [transfer, image_embeddings]


def reference_parent(lake: Lake) -> dict[str, str]:
    """The image reference as a parent; a UserError names what to materialize when it is not there."""
    info = artifact_info(lake, REFERENCE)
    if info is None:
        read_artifact(lake, REFERENCE)  # says what is wrong with it
    return {"image_reference": info.content if info else ""}


def one_space(lake: Lake, shards: list[str]) -> Space:
    """The encoder's space of some text embeddings; refuses shards that different encoders made."""
    spaces = {}
    for shard in shards:
        info = lake.vector_info("text_embeddings", shard)
        assert info is not None, "only finished shards are asked for"
        spaces[shard] = Space(info.extra["encoder"], info.extra["revision"], info.extra["dimension"])
    first = spaces[shards[0]]
    for shard, space in spaces.items():
        first.require(space, f"the vectors of text_embeddings shard {shard!r}")
    return first


def _fit(lake: Lake, recipe: Recipe, shards: list[str], space: Space, stage: StageProgress) -> Transfer:
    """Fit on the statistics that the shards' writer kept; shards are read where there are none, or the recipe asks."""

    def text_shards() -> Iterator[np.ndarray]:
        for shard in shards:
            _, vectors = lake.read_vectors("text_embeddings", shard)
            stage.advance(len(vectors))
            yield vectors

    wanted, reference = recipe.transfer, ImageReference.from_bytes(read_artifact(lake, REFERENCE))
    text = corpus_statistics(lake, "text_embeddings", shards, space, stage.advance)
    return fit(
        wanted.method, wanted.passes, reference.statistics, text_shards, space=space, text=text,
        over=wanted.passes_over, image_sample=reference.sample, noise_cosine=wanted.noise_cosine,
    )  # fmt: skip
