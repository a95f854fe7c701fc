"""Remake docs/images: headless Chromium looks at the UI of `make ui` and at the gap's report, over the demo's lake, and
at the heat map of a data set of 304 shards that does not exist, with every state somewhere.

Needs Debian's chromium. Starts the UI on a free port and ends it. Chromium is driven through its DevTools protocol,
because the UI draws its pages late: a picture waits until a text is there.
"""

import asyncio
import base64
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from unicorn_assets.graph import ASSETS, REFUSING
from unicorn_assets.health import Cell, Health, State
from unicorn_assets.health.page import About, health_page
from unicorn_assets.home import find_home
from unicorn_assets.lake.store import ALL

IMAGES = Path(__file__).parent.parent / "docs" / "images"
READY_S = 180
DRAW_S = 60  # at most, until a page shows its text


@dataclass(frozen=True)
class Page:
    """Where to look (a page of the UI, or a file), and the text that tells that the page is drawn."""

    path: str
    until: str


PAGES = {
    "graph": Page(
        "/assets/demo/unicorn_471k_instruction?view=lineage&lineageScope=upstream&lineageDepth=20", "seed_catalog"
    ),
    "captions": Page("/assets/demo/captions?view=overview", "Owners"),
    "health-link": Page("/assets/demo/captions?view=overview", "Is the data good?"),
    "health": Page("file://{made}/health.html", "Is the data good?"),
    "checks": Page("/assets/demo/captions?view=checks", "no_near_duplicate"),
    "gap": Page("file://{lake}/artifacts/modality_gap.html", "What was measured on what"),
    "releases": Page("/assets/demo/unicorn_1_2m?view=overview", "version"),
}


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until `url` answers; raises when its process ends or takes too long."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"{url} did not come up")


class Browser:
    """One tab of a headless Chromium."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._number = socket, 0

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools command and its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        async for message in self._socket:
            answer = json.loads(message.data)
            if answer.get("id") == self._number:
                return dict(answer.get("result", {}))
        raise SystemExit("chromium ended")

    async def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        return (await self.call("Runtime.evaluate", expression=script))["result"].get("value")

    async def shoot(self, url: str, page: Page, file: Path) -> None:
        """Load a page, wait for its text, save a PNG."""
        with tempfile.TemporaryDirectory() as made:
            is_file = page.path.startswith("file://")
            if "{made}" in page.path:
                Path(made, "health.html").write_text(heat_map(), encoding="utf-8")
            address = page.path.format(lake=find_home().lake_url, made=made) if is_file else url + page.path
            await self.call("Page.navigate", url=address)
            await self._seen(page.until)
        await asyncio.sleep(3)  # fonts, icons and the layout of the graph settle
        shot = await self.call("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shot["data"]))

    async def _seen(self, text: str) -> None:
        for _ in range(DRAW_S * 2):
            if await self.evaluate(f"document.body.innerText.includes({json.dumps(text)})"):
                return
            await asyncio.sleep(0.5)
        raise SystemExit(f"the page never showed {text!r}")


def heat_map() -> str:
    """The page of a data set of 304 shards: new rows came, a prompt was edited half way, and a disk lost some bits."""
    draw = random.Random(12)
    shards = [f"{name}-{n:05d}" for name, count in (("coyo", 152), ("labels", 76), ("laion", 76)) for n in range(count)]
    cells = {
        name: {shard: Cell(State.GOOD, 4_000, draw.random() / 8 if name in REFUSING else 0.0) for shard in shards}
        if asset.by_shard
        else {ALL: Cell(State.GOOD, 1_227_000)}
        for name, asset in ASSETS.items()
    }

    def put(asset: str, state: State, words: str, chosen: list[str]) -> None:
        cells[asset] |= {shard: Cell(state, 4_000, 0.05, words) for shard in chosen}

    put("question_answering", State.STALE, "the recipe or the code changed since", shards[120:200])
    put("captions", State.DAMAGED, "its content is not what it says", [shards[7], shards[39]])
    put("captions", State.FAILED, "lengths_in_range (1 rows)", [shards[60], shards[61], shards[260]])
    put("instructions", State.DAMAGED, "it was there and is gone", [shards[100]])
    put("complex_reasoning", State.WARNED, "task_shares", draw.sample(shards, 12))
    put("text_embeddings", State.UNCHECKED, "no verdict on what it holds", shards[270:280])
    for name in ("instructions", "image_embeddings"):
        cells[name] |= dict.fromkeys(shards[290:], Cell(State.MISSING))
    cells["modality_gap"] = {ALL: Cell(State.STALE, words="image_embeddings/laion-00062 changed since")}
    facts = {"captions": "1,227,000", "spent": "310,000,000 tokens, 12.30 USD", "last unicorn run": "all done, 312 s"}
    return health_page(Health(shards, cells, {}), [], About("s3://lakes/unicorn", "2026-11-28 14:30 UTC", facts))


async def shoot_all(url: str, names: list[str], chromium_port: int) -> None:
    """All pages in one browser."""
    async with tab(chromium_port) as browser:
        for name in names:
            await browser.shoot(url, PAGES[name], IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png")


def main() -> None:
    """All pages, or those named on the command line."""
    if shutil.which("chromium") is None:
        raise SystemExit("chromium is missing: apt-get install chromium")
    port = free_port()
    ui = subprocess.Popen([sys.executable, "-m", "unicorn_assets", "ui", "--port", str(port)], start_new_session=True)
    photograph(f"http://127.0.0.1:{port}", ui, sys.argv[1:] or list(PAGES))


def photograph(url: str, ui: subprocess.Popen[bytes], names: list[str]) -> None:
    """Pictures of `names` in PAGES, of the UI that `ui` serves at `url`; ends it."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    try:
        wait_for(f"{url}/server_info", ui)
        with chromium() as port:
            asyncio.run(shoot_all(url, names, port))
    finally:
        os.killpg(ui.pid, signal.SIGTERM)
        ui.wait(30)


@contextmanager
def chromium() -> Iterator[int]:
    """A headless Chromium with an empty profile; the port of its DevTools."""
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                f"--user-data-dir={profile}", "--window-size=1500,950", f"--remote-debugging-port={port}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}/json/version", browser)
            yield port
        finally:
            os.killpg(browser.pid, signal.SIGTERM)
            browser.wait(30)


@asynccontextmanager
async def tab(port: int) -> AsyncIterator["Browser"]:
    """The one tab of a Chromium."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json") as answer:
            found = next(entry for entry in await answer.json() if entry["type"] == "page")
        async with session.ws_connect(found["webSocketDebuggerUrl"], max_msg_size=1 << 26) as connection:
            yield Browser(connection)


if __name__ == "__main__":
    main()
