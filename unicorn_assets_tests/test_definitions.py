"""The code location as a whole: what it holds, what it does not import, what the UI and the daemon will do with it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from unicorn_assets.definitions import build_defs
from unicorn_assets.gpu import GPU_POOL
from unicorn_assets.home import find_home
from unicorn_assets.keys import asset_key

ROOT = Path(__file__).parents[1]
SNAPSHOT = Path(__file__).parent / "definitions.json"


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = find_home(str(tmp_path_factory.mktemp("home")), recipe=str(ROOT / "recipes" / "demo.yaml"))
    return build_defs(home)


def described(definitions: dg.Definitions) -> dict[str, Any]:
    """Keys, tags and order of everything that a change should touch on purpose only."""
    graph = definitions.resolve_asset_graph()
    assets = {}
    for key in sorted(graph.get_all_asset_keys(), key=str):
        node = graph.get(key)
        assets[key.to_user_string()] = {
            "group": node.group_name,
            "partitions": node.partitions_def.name if node.partitions_def else None,
            "backfill": str(node.backfill_policy.max_partitions_per_run) if node.backfill_policy else None,
            "kinds": sorted(node.kinds),
            "owners": sorted(node.owners),
            "pools": sorted(node.pools or ()),
            "parents": sorted(parent.to_user_string() for parent in node.parent_keys),
            "checks": sorted(check.name for check in graph.get_check_keys_for_assets({key})),
        }
    return {
        "assets": assets,
        "jobs": sorted(job.name for job in definitions.jobs or ()),
        "sensors": {s.name: s.default_status.value for s in definitions.sensors or ()},
        "schedules": sorted(schedule.name for schedule in definitions.schedules or ()),
    }


def test_keys_tags_and_jobs_change_on_purpose_only(definitions: dg.Definitions) -> None:
    """After a change that is meant: python -m unicorn_assets_tests.test_definitions"""
    assert described(definitions) == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_heavy_packages_stay_out_of_the_code_server() -> None:
    heavy = ("torch", "open_clip", "transformers", "timm", "vllm", "xllamacpp", "matplotlib")
    program = (
        f"import sys, unicorn_assets.definitions as d; d.build_defs(); print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def test_encoders_take_a_gpu_and_shared_servers_none(tmp_path: Path) -> None:
    recipe = ROOT / "recipes" / "unicorn-1.2m.yaml"
    graph = build_defs(find_home(str(tmp_path), recipe=str(recipe))).resolve_asset_graph()
    pools = {
        key: graph.get(asset_key("unicorn-1-2m", key)).pools
        for key in ("caption_drafts", "text_embeddings", "captions")
    }
    assert pools["text_embeddings"] == {GPU_POOL}
    assert not pools["caption_drafts"], "shared servers ask for no slot"
    assert not pools["captions"]


def test_nobody_is_woken_at_night_without_asking(definitions: dg.Definitions) -> None:
    found = {sensor.name: sensor.default_status for sensor in definitions.sensors or ()}
    assert found.pop("lost_runs") == dg.DefaultSensorStatus.RUNNING, "it makes nothing by itself"
    assert found == dict.fromkeys(("nights", "new_sources", "alerts"), dg.DefaultSensorStatus.STOPPED)


if __name__ == "__main__":
    found = described(build_defs(find_home(recipe=str(ROOT / "recipes" / "demo.yaml"))))
    SNAPSHOT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
