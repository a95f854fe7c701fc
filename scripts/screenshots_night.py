"""Remake docs/images/night.png and alert.png: a night and an alert as an operator meets them.

A small data set on a real instance (PostgreSQL, daemon, code server, webserver; benchmarks/operations/) with a scripted
LLM: the sensor `nights` makes it, then a source is emptied and the catalog asked for, and the sensor `alerts` tells
a receiver, whose page shows what came. Needs Debian's chromium and postgresql. Minutes.
"""

import asyncio
import json
import logging
import os
import re
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "operations"))

from data import prepared
from overhead import llm
from platform_here import Platform, platform, say
from screenshots import IMAGES, Page, chromium, free_port, tab, wait_for

from unicorn_assets.automation.night import NIGHT_TAG
from unicorn_assets.lake.store import ALL

PATIENCE_S = 1500
ROUND = 3
"""Of a night the round with most assets."""


class Receiver(BaseHTTPRequestHandler):
    """Takes webhooks, and shows the texts that came, as a page."""

    texts: tuple[str, ...] = ()

    def do_POST(self) -> None:
        """What came is kept."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.texts += (json.loads(body)["text"],)
        self._answer(b"ok", "text/plain")

    def do_GET(self) -> None:
        """All that came so far, as Slack shows it: it takes `&`, `<` and `>` escaped, and stars for bold."""
        texts = (re.sub(r"\*(.+?)\*", r"<b>\1</b>", text) for text in self.texts)
        shown = "<hr>".join(f"<pre style='white-space:pre-wrap'>{text}</pre>" for text in texts)
        page = f"<body style='font:16px sans-serif;margin:3em;max-width:60em'><h3>unicorn-alerts</h3>{shown}"
        self._answer(page.encode(), "text/html; charset=utf-8")

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def receiver() -> Iterator[str]:
    """The address of a Receiver."""
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def until(what: str, there: Callable[[], bool]) -> None:
    """Wait for it; TimeoutError names what did not come."""
    end = time.monotonic() + PATIENCE_S
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come in {PATIENCE_S} s")
        time.sleep(2)


def by_night(here: Platform) -> dict[int, str]:
    """Backfills by their round."""
    found = {}
    for backfill in here.asked(lambda instance: instance.get_backfills()):
        if NIGHT_TAG in backfill.tags:
            found[int(backfill.tags[NIGHT_TAG].rpartition("-")[2])] = backfill.backfill_id
    return found


async def shoot(url: str, page: Page, name: str) -> None:
    """One picture in docs/images."""
    with chromium() as port:
        async with tab(port) as browser:
            await browser.shoot(url, page, IMAGES / f"{name}.png")
    say(f"docs/images/{name}.png")


def main() -> None:
    """Both pictures."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    port, ui = free_port(), free_port()
    with receiver() as hook, tempfile.TemporaryDirectory(prefix="unicorn-night-", dir="/tmp") as name:
        folder = Path(name)
        home = prepared(folder, f"http://127.0.0.1:{port}", 80)
        os.environ |= {
            "UNICORN_SENSORS": "nights,alerts", "UNICORN_NIGHT_WINDOW": "00:00-23:59", "UNICORN_NIGHT_INTERVAL": "5",
            "UNICORN_ALERT_WEBHOOK": f"{hook}/services/T0/B0/x", "UNICORN_ALERT_MINUTES": "1",
            "UNICORN_UI_URL": f"http://127.0.0.1:{ui}",
        }  # fmt: skip
        command = [
            str(Path(sys.executable).parent / "dagster-webserver"), "-h", "127.0.0.1", "-p", str(ui),
            "-w", str(folder / "workspace.yaml"),
        ]  # fmt: skip
        with llm(port, folder / "asked"), platform(folder, home, {"webserver": command}) as here:
            process = here.kept["webserver"].process
            assert process is not None
            wait_for(f"http://127.0.0.1:{ui}/server_info", process)
            until(f"round {ROUND} of the night", lambda: ROUND in by_night(here))
            state = here.wait(by_night(here)[ROUND], PATIENCE_S)
            say(f"round {ROUND}: {state}")
            page = Page(f"/runs/b/{by_night(here)[ROUND]}", "text_embeddings")
            asyncio.run(shoot(f"http://127.0.0.1:{ui}", page, "night"))
            home.recipe.with_name("more.txt").write_text("")
            here.wait(here.launch({"seed_catalog": [ALL]}), PATIENCE_S)
            until("the alert", lambda: any("seed_catalog" in text for text in Receiver.texts))
            asyncio.run(shoot(hook, Page("/", "seed_catalog"), "alert"))


if __name__ == "__main__":
    main()
