"""Stage 3: text embeddings, the image reference, the move into image space, and what it did to the gap."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg
import numpy as np

from unicorn_assets.assets import gap
from unicorn_assets.assets.common import CPU_SHARDS, OWNERS, encoder_shards, encoder_step
from unicorn_assets.assets.metadata import figures
from unicorn_assets.assets.shard_work import Rows, Vectors, errors_for_people, fill_shards, guard, parents
from unicorn_assets.encoders import about, encoder_version, fetch_weights, space_of, truncated_rows
from unicorn_assets.errors import UserError
from unicorn_assets.gap.plots import draw_all
from unicorn_assets.ids import digest
from unicorn_assets.images.building import build_image_reference, reference_version
from unicorn_assets.images.reference import ImageReference
from unicorn_assets.lake.artifacts import artifact_info, read_artifact, write_artifact
from unicorn_assets.lake.store import Lake, Made, ShardInfo
from unicorn_assets.partitions import SHARDS_NAME
from unicorn_assets.plain_files import read_anywhere, why
from unicorn_assets.progress import Stage
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import EncoderResource, LakeResource, ProgressResource
from unicorn_assets.transfer import MOST_FILE, Transfer, fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.shard_statistics import corpus_statistics, keep_statistics

GROUP = "representation"
REFERENCE, TRANSFER, GAP = "image_reference.safetensors", "transfer.safetensors", gap.GAP


def build(recipe: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of this stage for one recipe."""
    transfer_version = digest(["transfer-2", recipe.section_hash("transfer")], 8)
    gap_version = digest(["gap-2", transfer_version], 8)  # raised with the report's form and formulas
    whole = partial(dg.asset, group_name=GROUP, owners=OWNERS)

    @dg.asset(
        **encoder_shards(recipe),
        group_name=GROUP,
        kinds={"pytorch", "safetensors"},
        deps=["captions"],
        code_version=encoder_version(recipe),
    )
    def text_embeddings(
        context: dg.AssetExecutionContext, lake: LakeResource, encoder: EncoderResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """One unit vector per caption, as the recipe's encoder reads its text."""
        store = lake.open()
        with errors_for_people():
            fetch_weights(recipe)

        def work(shard: str, stage: Stage) -> Rows | Vectors:
            frame = store.read("captions", shard, ["caption_id", "text"])
            model, texts = encoder.open(), frame["text"].to_list()
            vectors = model.encode_texts(texts, stage.advance)
            ids = frame["caption_id"].to_list()
            cut = [ids[row] for row in truncated_rows(model, texts)]
            keep_statistics(store, "text_embeddings", shard, ids, vectors, space_of(model))
            return Vectors(ids, vectors, figures={"truncated": len(cut), "truncated ids": cut, **about(model)})

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            version=encoder_version(recipe),
            parents_of=lambda shard: parents(store, ("captions", shard)),
            work=work,
            rows_of=lambda shard: store.read("captions", shard, ["caption_id"]).height,
        )  # fmt: skip

    @whole(kinds={"pytorch", "safetensors"}, code_version=reference_version(recipe), **encoder_step(recipe))
    def image_reference(
        context: dg.AssetExecutionContext, lake: LakeResource, encoder: EncoderResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """What real images look like to the encoder: statistics and a small sample, unpaired with the captions."""
        store = lake.open()
        with errors_for_people():
            fetch_weights(recipe)
        made = Made(recipe.name, reference_version(recipe), {})
        info = artifact_info(store, REFERENCE)
        reused = info is not None and info.inputs == made.inputs
        if info is None or not reused:
            with errors_for_people():
                stage = progress.to_log(context.log).stage("image_reference", 0, "images")
                reference = build_image_reference(recipe, encoder.open, stage.advance)
                stage.close()
                extra = {
                    "name": reference.name,
                    "version": reference.version(),
                    "images": reference.statistics.n,
                    "standard error of the mean": reference.statistics.standard_error,
                    "images set aside": reference.set_aside,
                    "set aside": [f"{name}: {reason}" for name, reason in reference.corrupt[:50]],
                    "source": reference.source,
                    **vars(reference.space),
                    **reference.encoder,
                }
                info = write_artifact(store, REFERENCE, reference.to_bytes(), made, reference.statistics.n, extra)
        return _result(info, reused)

    @whole(kinds={"numpy", "safetensors"}, deps=[text_embeddings, image_reference], code_version=transfer_version)
    def transfer(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """The fitted move from text to image space, over all shards."""
        store = lake.open()
        with errors_for_people():
            shards = finished(context.instance, store, "text_embeddings")
            reference_info = artifact_info(store, REFERENCE)
            reference = ImageReference.from_bytes(read_artifact(store, REFERENCE))
            given = given_transfer(recipe)
            made = Made(recipe.name, transfer_version, {
                **parents(store, *(("text_embeddings", shard) for shard in shards)),
                "image_reference": reference_info.content if reference_info else "",
                **({"file": given.version()} if given else {}),
            })  # fmt: skip
            info = artifact_info(store, TRANSFER)
            reused = info is not None and info.inputs == made.inputs
            if info is None or not reused:
                stage = progress.to_log(context.log).stage("transfer", 0, "vectors")
                space = one_space(store, shards)

                fitted = given or _fit(store, recipe, shards, reference, space, stage)
                stage.close()
                fitted.space.require(space, "the text vectors")
                extra = {"method": fitted.method, "version": fitted.version(), **vars(space)}
                # A given move was fitted on other vectors than this lake's.
                extra |= {f"{side} vectors" + (" of the file" if given else ""): n for side, n in fitted.counts.items()}
                extra |= {f"standard error, {side} mean": error for side, error in fitted.standard_errors.items()}
                info = write_artifact(store, TRANSFER, fitted.to_bytes(), made, 0, extra)
        return _result(info, reused)

    @dg.asset(
        **CPU_SHARDS,
        group_name=GROUP,
        kinds={"numpy", "safetensors"},
        deps=[text_embeddings, transfer],
        code_version=transfer_version,
    )
    def image_embeddings(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """The synthetic image embeddings: text embeddings moved to where image embeddings live."""
        store = lake.open()
        with errors_for_people():
            fitted = Transfer.from_bytes(read_artifact(store, TRANSFER))

        def work(shard: str, stage: Stage) -> Rows | Vectors:
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
            version=transfer_version,
            parents_of=lambda shard: {**parents(store, ("text_embeddings", shard)), "transfer": fitted.version()},
            work=work,
            rows_of=lambda shard: store.read("captions", shard, ["caption_id"]).height,
        )  # fmt: skip

    @whole(
        kinds={"numpy", "json"},
        deps=[text_embeddings, image_embeddings, image_reference, transfer],
        code_version=gap_version,
    )
    def modality_gap(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """How far text and image vectors are apart, before and after the move: figures, pictures and a report page."""
        store = lake.open()
        with errors_for_people():
            shards = finished(context.instance, store, "image_embeddings")
            reference_info = artifact_info(store, REFERENCE)
            made = Made(recipe.name, gap_version, {
                **parents(store, *((name, s) for s in shards for name in ("text_embeddings", "image_embeddings"))),
                "image_reference": reference_info.content if reference_info else "",
            })  # fmt: skip
            reference = ImageReference.from_bytes(read_artifact(store, REFERENCE))
            fitted = Transfer.from_bytes(read_artifact(store, TRANSFER))
            rows = gap.vectors(store, shards, reference)
            unmeasured = gap.too_few(rows)
            drawn = {} if unmeasured else draw_all(fitted, *rows)
            info = gap.current(store, made)
            reused = info is not None
            if info is None and unmeasured:
                context.log.warning(f"the modality gap is not measured: {unmeasured}")
                info = gap.write_unmeasured(store, made, fitted, unmeasured)
            if info is None:
                stage = progress.to_log(context.log).stage("modality_gap", 1, "reports")
                info = gap.write_report(store, made, rows, fitted, drawn, recipe, reference.source)
                stage.advance()
                stage.close()
        return dg.MaterializeResult(metadata={**gap.metadata(store, drawn), **_metadata(info, reused)})

    return [text_embeddings, image_reference, transfer, image_embeddings, modality_gap]


def given_transfer(recipe: Recipe) -> Transfer | None:
    """The fitted move that the recipe names, if it names one."""
    if recipe.transfer.file is None:
        return None
    try:
        return Transfer.from_bytes(read_anywhere(recipe.locate(recipe.transfer.file), MOST_FILE))
    except OSError as error:
        what = "there is no such file" if isinstance(error, FileNotFoundError) else why(error)
        raise UserError(
            f"{recipe.transfer.file}: {what}", "check transfer.file in the recipe; `unicorn transfer fit` makes one"
        ) from None


def _fit(
    store: Lake, recipe: Recipe, shards: list[str], reference: ImageReference, space: Space, stage: Stage
) -> Transfer:
    """Fit on the statistics that the shards' writer kept; shards are read where there are none, or the recipe asks."""

    def text_shards() -> Iterator[np.ndarray]:
        for shard in shards:
            _, vectors = store.read_vectors("text_embeddings", shard)
            stage.advance(len(vectors))
            yield vectors

    wanted = recipe.transfer
    text = corpus_statistics(store, "text_embeddings", shards, space, stage.advance)
    return fit(
        wanted.method, wanted.passes, reference.statistics, text_shards, space=space, text=text,
        over=wanted.passes_over, image_sample=reference.sample, noise_cosine=wanted.noise_cosine,
    )  # fmt: skip


def finished(instance: dg.DagsterInstance, lake: Lake, name: str) -> list[str]:
    """Shards of these vectors that exist and are not damaged, in the order of the partition keys."""
    found, empty = [], 0
    for shard in instance.get_dynamic_partitions(SHARDS_NAME):
        info = lake.vector_info(name, shard)
        empty += info is not None and not info.rows
        if info is not None and info.rows:
            guard(lake, name, shard, info.content)
            found.append(shard)
    if not found and empty:
        raise UserError(
            f"no caption was accepted in {empty} finished shards, so there is nothing to go on with",
            "`unicorn quarantine` says why each was refused; `unicorn quarantine retry` asks again",
        )
    if not found:
        raise UserError(f"the lake has no vectors in {name}", f"materialize {name} for at least one shard first")
    return found


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


def _metadata(info: ShardInfo, reused: bool) -> dict[str, Any]:
    made = {"reused": reused, "content": info.content, "code version": info.made.code_version}
    return made | figures(info.extra)


def _result(info: ShardInfo, reused: bool) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata=_metadata(info, reused))
