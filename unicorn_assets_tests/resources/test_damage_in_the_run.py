"""What a run itself tells: a damaged journal in log and metadata, a tag that is no budget as a failure of the step."""

from pathlib import Path

import dagster as dg

from unicorn_assets.definitions import build_defs
from unicorn_assets.home import find_home
from unicorn_assets.keys import asset_key
from unicorn_assets.llm.journal.blocks import CLOSED_HEADER
from unicorn_assets.llm.journal.store import PART_SUFFIX, new_name
from unicorn_assets.partitions import RANGE_END, RANGE_START, known_shards
from unicorn_assets.resources.ceiling import CEILING_TAG
from unicorn_assets_tests.plan.server import Scripted, write_recipe

KEY = "damaged journal parts"


def test_log_and_metadata_of_the_run(tmp_path: Path) -> None:
    name = new_name(PART_SUFFIX)
    part = tmp_path / "home" / "lake" / "journal" / name
    part.parent.mkdir(parents=True)
    part.write_bytes(CLOSED_HEADER + b"cut off")
    with Scripted() as server, dg.DagsterInstance.ephemeral() as instance:
        write_recipe(tmp_path, server.url, rows=60)
        home = find_home(str(tmp_path / "home"), None, str(tmp_path / "recipe.yaml"))
        job = build_defs(home).resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance, asset_selection=[asset_key("mine", "seed_catalog")]).success
        shards = known_shards(instance, "mine")
        assert len(shards) == 3
        chosen = [asset_key("mine", key) for key in ("seeds", "caption_drafts")]
        tags = {RANGE_START: shards[0], RANGE_END: shards[-1]}
        refused = job.execute_in_process(
            instance=instance, asset_selection=chosen, tags={**tags, CEILING_TAG: "5"}, raise_on_error=False
        )
        (failed,) = [event for event in refused.all_events if event.is_step_failure]
        told = failed.step_failure_data.user_failure_data
        assert told is not None
        assert "the run's tag unicorn/llm-budget is '5': Input should be an object" in (told.description or "")
        assert server.calls == 0

        run = job.execute_in_process(instance=instance, asset_selection=chosen, tags=tags)
        assert run.success
        said = [entry.user_message for entry in instance.all_logs(run.run_id) if entry.level >= 30]
        assert [line for line in said if line.startswith(f"journal: {name} was damaged or half written; ")] == said
        assert len(said) == 1
        made = {
            event.partition: event.materialization.metadata[KEY].value
            for event in run.get_asset_materialization_events()
            if event.asset_key == asset_key("mine", "caption_drafts") and KEY in event.materialization.metadata
        }
        assert made == dict(zip(shards, (1, 0, 0), strict=True))
