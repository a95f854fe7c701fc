"""Assets that ask an LLM, one for each Stage: a shard of the parent's rows in, accepted and quarantined rows out.

Those that graph.py gives one step are made side by side: the rows of all fill one window of the servers.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

from unicorn_assets.assets.common import LLM_KINDS, OWNERS, forcing, llm_shards, spec_row
from unicorn_assets.assets.shard_work import Maker, Rows, Vectors, fill_shards, parents
from unicorn_assets.generation.asked import keep_asked
from unicorn_assets.generation.side_by_side import Unit
from unicorn_assets.generation.stage import Stage
from unicorn_assets.keys import asset_name, step_key
from unicorn_assets.lake.ledger import keep_shard_run
from unicorn_assets.lake.redrives import Redrives
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.journal import Damage
from unicorn_assets.llm.spend.ledger import shard_run
from unicorn_assets.progress import StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, LlmResource, ProgressResource
from unicorn_assets.resources.observing import EVENTS
from unicorn_assets.stages import stages


def build(planned: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of stages 1 and 2 for one recipe that ask its LLM."""
    steps: dict[str, list[Stage]] = {}
    for stage in stages(planned).values():
        steps.setdefault(step_key(planned.name, stage.name), []).append(stage)
    return [_step(planned, name, own) for name, own in steps.items()]


def _step(planned: Recipe, name: str, own: Sequence[Stage]) -> dg.AssetsDefinition:
    common: dict[str, Any] = {"owners": OWNERS, "kinds": {LLM_KINDS[planned.llm.endpoint], "parquet"}}

    @dg.multi_asset(
        name=name,
        specs=[dg.AssetSpec(**spec_row(planned, stage.name), **common, code_version=stage.version) for stage in own],
        can_subset=True,
        **forcing(),
        **llm_shards(planned),
    )
    def generated(
        context: dg.AssetExecutionContext, lake: LakeResource, llm: LlmResource, progress: ProgressResource
    ) -> Iterator[Any]:
        store, recipe = lake.begin(planned)
        wanted = {asset_name(key) for key in context.selected_asset_keys}
        of_recipe = {stage.name: stage for stage in own} if recipe is planned else stages(recipe)
        makers = [of_recipe[stage.name] for stage in own if stage.name in wanted]
        ranks = {
            unit: rank
            for rank, unit in enumerate((stage.name, shard) for shard in context.partition_keys for stage in makers)
        }
        yield from fill_shards(  # a generator: Dagster takes no other annotation of several outputs
            context, store, recipe, progress.to_log(context.log),
            *(_maker(store, recipe, stage, llm, ranks) for stage in makers),
            each=llm.each,
        )  # fmt: skip

    return generated


def _maker(store: Lake, recipe: Recipe, stage: Stage, llm: LlmResource, ranks: Mapping[Unit, int]) -> Maker:
    redrives = Redrives(store, stage.name)

    def work(shard: str, running: StageProgress) -> Rows | Vectors:
        keep_asked(store, stage)
        keep = partial(keep_shard_run, store, made=stage.made_from(recipe, store, shard, redrives))
        damaged: list[Damage] = []
        with EVENTS.heard(Damage, damaged.append), shard_run(stage.name, shard, keep) as run:
            ask, ledger = llm.asking(running, run, ranks[stage.name, shard])
            frame, refused = stage.run(store.read(stage.parent, shard), ask, redrives.rows(shard))
        short = stage.shortfall(frame.height, refused.height)
        figures = {**ledger.as_dict(recipe.llm.price), **stage.figures(frame), **short}
        return Rows(frame, refused, figures, {"damaged journal parts": len(damaged)})

    return Maker(
        stage.name,
        version=stage.version,
        parents_of=lambda shard: stage.parents(parents(store, (stage.parent, shard)), shard, redrives),
        work=work,
        rows_of=lambda shard: stage.count(store, shard),
    )
