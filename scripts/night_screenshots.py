"""Remake docs/images/night.png and alert.png: a night over planted changes, run by the real daemon, and what it tells.

The data set, the LLM and the encoder are those of the tests; Dagster's records lie in SQLite in a temporary folder.
Needs Debian's chromium; about three minutes of one CPU core.
"""

import html
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import screenshots as shots

from unicorn_assets_tests.automation import nights as planted
from unicorn_assets_tests.automation.alerts.letterboxes import letterbox
from unicorn_assets_tests.automation.test_night_daemon import SETTINGS, WELL, daemon

LOCATION = "unicorn_assets_tests.automation.night_location"
STYLE = """body{font:15px/1.5 sans-serif;background:#f4f4f6;padding:40px} .m{background:#fff;border:1px solid #ddd;
border-radius:8px;padding:16px 22px;max-width:1050px;margin-bottom:18px;white-space:pre-wrap} .w{color:#777}"""


def alert_page(messages: list[dict[str, Any]]) -> str:
    """What the webhook received, as a chat program would show it."""
    texts = [
        re.sub(r"\*(.*?)\*", r"<b>\1</b>", html.escape(html.unescape(each["text"]), False), count=1)
        for each in messages
    ]
    blocks = "".join(f'<div class="m"><div class="w">unicorn, by webhook</div>{text}</div>' for text in texts)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{blocks}"


def main() -> None:
    """A night, then two pictures."""
    settings = SETTINGS[SETTINGS.index("run_launcher") :]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        planted.nights(Path(folder)) as made,
        letterbox("http") as box,
    ):
        for plant in (planted.append_rows, planted.add_source, planted.edit_prompt):
            plant(made)
        planted.break_check(made, "captions", "more-00000")
        instance = Path(folder) / "instance"
        instance.mkdir()
        port = shots.free_port()
        url = f"http://127.0.0.1:{port}"
        environment = {
            "UNICORN_HOME": str(made.data.home), "UNICORN_RECIPE": str(made.data.recipe),
            "UNICORN_SENSORS": "nights,alerts", "UNICORN_NIGHT_INTERVAL": "1", "UNICORN_NIGHT_WINDOW": "10:00-16:00",
            "UNICORN_NIGHT_ZONE": f"Etc/GMT{datetime.now(UTC).hour - 12:+d}", "UNICORN_ALERT_MINUTES": "1",
            "UNICORN_ALERT_WEBHOOK": f"http://127.0.0.1:{box.port}/", "UNICORN_UI_URL": "https://dagster.example.org",
        }  # fmt: skip
        with daemon(environment, instance, settings) as process:
            assert process.stdout is not None
            is_well = False
            for line in process.stdout:
                is_well = is_well or WELL in line
                if is_well and box.got:
                    break
        assert box.got, "the night told nobody"
        page = Path(folder) / "alert.html"
        page.write_text(alert_page(box.got), encoding="utf-8")
        ui = subprocess.Popen(
            [sys.executable, "-m", "dagster_webserver", "-m", LOCATION, "-p", str(port)], start_new_session=True,
            env={**os.environ, **environment, "DAGSTER_HOME": str(instance)},
        )  # fmt: skip
        shots.PAGES.clear()
        shots.PAGES["night"] = shots.Page("/runs?view=backfills", "Completed")
        shots.PAGES["alert"] = shots.Page(f"file://{page}", "unicorn, by webhook")
        shots.photograph(url, ui, list(shots.PAGES))


if __name__ == "__main__":
    main()
