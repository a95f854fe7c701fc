"""How long an asset's page takes in the UI when all 16 assets have 304 shards, in headless Chromium.

On PostgreSQL, each shard of each asset has two materializations with the metadata that ours carry, as a backfill leaves
them, and each check a result. The webserver is the real one over the real code location. A page is opened by a browser
that knows nothing of it (no cache); then the changes of what it draws are listened to until nothing changed for
SILENCE_S.

ui_asset_page_s: seconds from asking for the page of an asset to its last paint, the median of its openings; the slowest
of the pages in PAGES.
"""

import asyncio
import logging
import statistics
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.events import StepMaterializationData
from dagster._core.events.log import EventLogEntry
from data import prepared
from platform_here import ROOT, platform, say

from unicorn_assets.checks import build_checks
from unicorn_assets.graph import ASSETS
from unicorn_assets.home import Home
from unicorn_assets.keys import asset_key, shards_name
from unicorn_assets.partitions import RANGE_END, RANGE_START
from unicorn_assets.recipe_file import load_recipe

sys.path.insert(0, str(ROOT / "scripts"))
from screenshots import Browser, chromium, free_port, tab, wait_for

SHARDS, RUN_SHARDS, OPENINGS, SILENCE_S, LONGEST_S = 304, 8, 3, 4.0, 60.0
PAGES = {"overview": "unicorn", "partitions": "lines-00", "checks": "keys_unique"}
WATCH = """
window.drawn = performance.timeOrigin + performance.now();
new PerformanceObserver(list => list.getEntries().forEach(entry => {
  window.drawn = Math.max(window.drawn, performance.timeOrigin + entry.startTime + (entry.duration || 0))
})).observe({type: 'paint', buffered: true});
document.addEventListener('DOMContentLoaded', () => {
  new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => {
    window.drawn = performance.timeOrigin + performance.now()
  }, 0))).observe(document, {subtree: true, childList: true, characterData: true, attributes: true})
})
"""


def ui(_: int, folder: Path, shards: int = SHARDS) -> dict[str, Any]:
    """Fill the records, open the pages."""
    home, port = prepared(folder, "http://127.0.0.1:9", 40), free_port()
    dagster = str(Path(sys.executable).parent / "dagster-webserver")
    command = [dagster, "-h", "127.0.0.1", "-p", str(port), "-w", str(folder / "workspace.yaml")]
    with platform(folder, home, {"webserver": command}, without=("daemon",)) as here:
        began = time.perf_counter()
        here.asked(lambda instance: fill(instance, home, shards))
        say(f"records of {shards} shards: {time.perf_counter() - began:.0f} s")
        process = here.kept["webserver"].process
        assert process is not None
        wait_for(f"http://127.0.0.1:{port}/server_info", process)
        found = {page: asyncio.run(open_often(f"http://127.0.0.1:{port}", page)) for page in PAGES}
    slowest = max(statistics.median(seconds) for seconds in found.values())
    return {"ui_asset_page_s": round(slowest, 2), "ui_pages_s": found, "ui_shards": shards, "ui_assets": len(ASSETS)}


def fill(instance: dg.DagsterInstance, home: Home, shards: int) -> None:
    """Records as two backfills leave them, in runs of RUN_SHARDS shards. Events are stored in batches: one by one they
    took longer than all that is measured.
    """
    names = [f"lines-{number:05}" for number in range(shards)]
    instance.add_dynamic_partitions(shards_name("mine"), names)
    for version in ("of code", "content"):
        for first in range(0, shards, RUN_SHARDS):
            part = list(enumerate(names))[first : first + RUN_SHARDS]
            run = run_of([shard for _, shard in part])
            instance.add_run(run)
            for name, asset in ASSETS.items():
                if asset.by_shard or not first:
                    made = part if asset.by_shard else [(0, None)]
                    events = [materialized(run, name, number, shard, version) for number, shard in made]
                    instance.event_log_storage.store_event_batch(events)
        for checks in build_checks(load_recipe(home.recipe)):
            for spec in checks.check_specs:
                instance.report_runless_asset_event(
                    dg.AssetCheckEvaluation(spec.asset_key, spec.name, True, {"violations": 0, "shards": shards})
                )


def run_of(shards: list[str]) -> dg.DagsterRun:
    """A run that ended well, over neighbours."""
    tags = {RANGE_START: shards[0], RANGE_END: shards[-1], "dagster/backfill": "nightly0"}
    return dg.DagsterRun("__ASSET_JOB", str(uuid.uuid4()), status=dg.DagsterRunStatus.SUCCESS, tags=tags)


def materialized(run: dg.DagsterRun, name: str, number: int, shard: str | None, version: str) -> EventLogEntry:
    """The event with the metadata that ours carry; `version`: of the code, as Dagster gives it, or of the content."""
    metadata = {
        "dagster/partition_row_count": 4000 + number, "dagster/uri": f"s3://unicorn/lake/tables/{name}/{shard}",
        "content": f"{number:032x}", "code version": "0123456789abcdef", "reused": False, "quarantined": number,
        "quarantined: too_short": number, "quarantined: repetitive": 3, "LLM calls": 4800,
        "completion tokens": 400_000 + number, "sample": dg.MetadataValue.md("| a | b |\n|---|---|\n| 1 | 2 |"),
    }  # fmt: skip
    tags = {"dagster/data_version": version if version == "of code" else f"{number:032x}"}
    key = asset_key("mine", name)
    data = StepMaterializationData(dg.AssetMaterialization(key, None, metadata, shard, tags), [])
    event = dg.DagsterEvent(dg.DagsterEventType.ASSET_MATERIALIZATION.value, run.job_name, event_specific_data=data)
    step = key.to_python_identifier()
    return EventLogEntry(None, logging.INFO, "", run.run_id, time.time(), step, run.job_name, event)


async def open_often(url: str, page: str) -> list[float]:
    """Seconds to the last paint of each opening, with a fresh browser for each. Ends with a word of what was missing
    when a page takes longer than LONGEST_S.
    """
    found = []
    for _ in range(OPENINGS):
        with chromium() as port:
            async with tab(port) as browser:
                there = opened(browser, f"{url}/assets/mine/captions?view={page}", PAGES[page])
                try:
                    found.append(round(await asyncio.wait_for(there, 2 * LONGEST_S), 2))
                except TimeoutError as error:  # no words: chromium itself does not answer
                    raise SystemExit(
                        str(error) or f"chromium did not answer about {page} in {2 * LONGEST_S:.0f} s"
                    ) from None
                say(f"{page}: {found[-1]} s")
    return found


async def opened(browser: Browser, url: str, text: str) -> float:
    await browser.call("Page.enable")
    await browser.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
    began = time.time()
    await browser.call("Page.navigate", url=url)
    drawn = 0.0
    while time.time() - began < LONGEST_S:
        await asyncio.sleep(0.25)
        drawn = float(await browser.evaluate("window.drawn || 0") or 0) / 1000
        there = await browser.evaluate(f"!!document.body && document.body.innerText.includes({text!r})")
        if there and drawn and time.time() - drawn > SILENCE_S:
            return drawn - began
    raise TimeoutError(f"{url} went on changing, or never showed {text!r}: last at {drawn - began:.1f} s")
