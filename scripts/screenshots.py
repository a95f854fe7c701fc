"""Remake docs/images: headless Chromium looks at the UI that `make ui` serves, over the demo's lake.

Needs Debian's chromium. Starts the UI on a free port and ends it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

IMAGES = Path(__file__).parent.parent / "docs" / "images"
PAGES = {
    "graph": "/asset-groups",
    "captions": "/assets/captions?view=overview",
    "checks": "/assets/captions?view=checks",
    "gap": "/assets/modality_gap?view=overview",
    "releases": "/assets/unicorn_1_2m?view=overview",
}
READY_S = 120
DRAW_MS = 25_000  # virtual time the page gets to load and draw


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until the UI answers; raises when it ends or takes too long."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/server_info", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("the UI did not come up")


def shoot(url: str, file: Path) -> None:
    """One page as a PNG of 1500 x 950."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                f"--user-data-dir={profile}", "--window-size=1500,950", f"--virtual-time-budget={DRAW_MS}",
                f"--screenshot={file}", url,
            ],
            check=True, capture_output=True, timeout=180,
        )  # fmt: skip


def main() -> None:
    """All pages, or those named on the command line."""
    if shutil.which("chromium") is None:
        raise SystemExit("chromium is missing: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "unicorn_assets", "ui", "--port", str(port)], start_new_session=True
    )
    try:
        wait_for(url, process)
        for name in sys.argv[1:] or PAGES:
            shoot(url + PAGES[name], IMAGES / f"{name}.png")
            print(IMAGES / f"{name}.png")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


if __name__ == "__main__":
    main()
