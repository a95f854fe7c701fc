"""Stage 3, what the encoder sees: text embeddings, and the image reference that they are moved towards."""

import dagster as dg

from unicorn_assets.assets.common import OWNERS, encoder_shards, encoder_step, graph_row
from unicorn_assets.assets.shard_work import Maker, Rows, Vectors, errors_for_people, fill_shards, parents
from unicorn_assets.assets.whole_work import artifact_metadata, make_whole, reusable, whole
from unicorn_assets.encoders import about, encoder_version, fetch_weights, space_of
from unicorn_assets.graph import ARTIFACTS
from unicorn_assets.images.building import build_image_reference, reference_version
from unicorn_assets.lake.artifacts import write_artifact
from unicorn_assets.lake.store import Made, ShardInfo
from unicorn_assets.progress import StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import EncoderResource, LakeResource, ProgressResource
from unicorn_assets.vectors.shard_statistics import keep_statistics

REFERENCE = ARTIFACTS["image_reference"]


def build(planned: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of this stage for one recipe."""

    @dg.asset(
        **graph_row(planned, "text_embeddings"),
        **encoder_shards(planned),
        kinds={"pytorch", "safetensors"},
        code_version=encoder_version(planned),
    )
    def text_embeddings(
        context: dg.AssetExecutionContext, lake: LakeResource, encoder: EncoderResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        store, recipe = lake.begin(planned)
        with errors_for_people():
            fetch_weights(recipe)

        def work(shard: str, stage: StageProgress) -> Rows | Vectors:
            frame = store.read("captions", shard, ["caption_id", "text"])
            model, texts = encoder.open(), frame["text"].to_list()
            vectors, truncated = model.embed_texts(texts, stage.advance)
            ids = frame["caption_id"].to_list()
            cut = [ids[row] for row in truncated]
            keep_statistics(store, "text_embeddings", shard, ids, vectors, space_of(model))
            return Vectors(ids, vectors, figures={"truncated": len(cut), "truncated ids": cut, **about(model)})

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            Maker(
                "text_embeddings",
                version=encoder_version(recipe),
                parents_of=lambda shard: parents(store, ("captions", shard)),
                work=work,
                rows_of=lambda shard: store.read("captions", shard, ["caption_id"]).height,
            ),
        )  # fmt: skip

    @dg.asset(
        **graph_row(planned, "image_reference"),
        **encoder_step(planned, planned.image_reference.kind == "images"),
        kinds={"pytorch", "safetensors"},
        owners=OWNERS,
        code_version=reference_version(planned),
    )
    def image_reference(
        context: dg.AssetExecutionContext, lake: LakeResource, encoder: EncoderResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        store, recipe = lake.begin(planned)

        def make(stage: StageProgress) -> ShardInfo:
            found = build_image_reference(recipe, encoder.open, stage.advance)
            extra = {
                "name": found.name,
                "version": found.version(),
                "images": found.statistics.n,
                "standard error of the mean": found.statistics.standard_error,
                "images set aside": found.set_aside,
                "set aside": [f"{name}: {reason}" for name, reason in found.corrupt[:50]],
                "source": found.source,
                **vars(found.space),
                **found.encoder,
            }
            return write_artifact(store, REFERENCE, found.to_bytes(), made, found.statistics.n, extra)

        with errors_for_people():
            fetch_weights(recipe)
            made = Made(recipe.name, reference_version(recipe), {})
            known = reusable(context, store, "image_reference")
            log = progress.to_log(context.log)
            info, reused = make_whole(log, "image_reference", made, known, make, "images")
        return whole(artifact_metadata(info, reused))

    return [text_embeddings, image_reference]
