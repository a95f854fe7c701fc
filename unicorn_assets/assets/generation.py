"""Assets that ask an LLM, one for each Stage: a shard of the parent's rows in, accepted and quarantined rows out."""

from functools import partial
from typing import Any

import dagster as dg

from unicorn_assets.assets.common import LLM_KINDS, graph_row, llm_shards
from unicorn_assets.assets.shard_work import Rows, Vectors, fill_shards, parents
from unicorn_assets.generation.asked import keep_asked
from unicorn_assets.generation.stage import Stage
from unicorn_assets.lake.ledger import keep_shard_run
from unicorn_assets.lake.redrives import Redrives
from unicorn_assets.llm.journal import Damage
from unicorn_assets.llm.spend.ledger import shard_run
from unicorn_assets.progress import StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, LlmResource, ProgressResource
from unicorn_assets.resources.observing import EVENTS
from unicorn_assets.stages import stages


def build(planned: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of stages 1 and 2 for one recipe that ask its LLM."""
    return [_asset(planned, stage) for stage in stages(planned).values()]


def _asset(planned: Recipe, own: Stage) -> dg.AssetsDefinition:
    @dg.asset(
        **graph_row(planned, own.name),
        **llm_shards(planned),
        kinds={LLM_KINDS[planned.llm.endpoint], "parquet"},
        code_version=own.version,
    )
    def generated(
        context: dg.AssetExecutionContext, lake: LakeResource, llm: LlmResource, progress: ProgressResource
    ) -> dg.MaterializeResult[Any]:
        store, recipe = lake.begin(planned)
        stage = own if recipe is planned else stages(recipe)[own.name]
        redrives = Redrives(store, stage.name)
        ranks = {shard: rank for rank, shard in enumerate(context.partition_keys)}

        def work(shard: str, running: StageProgress) -> Rows | Vectors:
            keep_asked(store, stage)
            keep = partial(keep_shard_run, store, made=stage.made_from(recipe, store, shard, redrives))
            damaged: list[Damage] = []
            with EVENTS.heard(Damage, damaged.append), shard_run(stage.name, shard, keep) as run:
                ask, ledger = llm.asking(running, run, ranks[shard])
                frame, refused = stage.run(store.read(stage.parent, shard), ask, redrives.rows(shard))
            short = stage.shortfall(frame.height, refused.height)
            figures = {**ledger.as_dict(recipe.llm.price), **stage.figures(frame), **short}
            return Rows(frame, refused, figures, {"damaged journal parts": len(damaged)})

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            version=stage.version,
            parents_of=lambda shard: stage.parents(parents(store, (stage.parent, shard)), shard, redrives),
            work=work,
            rows_of=lambda shard: stage.count(store, shard),
            each=llm.each,
        )  # fmt: skip

    return generated
