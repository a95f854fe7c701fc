"""The page about a lake's health over HTTP, so that a link in the Dagster UI opens it: looked at anew when it is asked
for.

Here: serving. Not here: the page itself (health/page.py), what is gathered for it (page.py).
"""

import os
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from unicorn_assets.cli.page import page_of
from unicorn_assets.errors import UserError
from unicorn_assets.home import Home

KEPT_S = 10.0
"""So long a page is shown to others who ask; a look costs seconds of a processor."""


class Pages:
    """The page of a home's lake; files that were proved once are not read again while they stay as they are."""

    def __init__(self, place: Home) -> None:
        self._place, self._proved = place, dict[str, Any]()
        self._looking = threading.Lock()
        self._page, self._at = "", -KEPT_S

    def now(self) -> str:
        """The page, at most some seconds old. Raises UserError when the lake cannot be read."""
        with self._looking:
            if time.monotonic() - self._at > KEPT_S:
                self._page, self._at = page_of(self._place, self._proved), time.monotonic()
            return self._page


def server_of(place: Home, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A server that is bound to its port and answers once `serve_forever` is called. UserError: the port is taken."""
    pages = Pages(place)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path.split("?")[0] == "/"
            self._answer(*(_page(pages.now) if is_page else (HTTPStatus.NOT_FOUND, "there is only /")))

        def _answer(self, status: HTTPStatus, text: str) -> None:
            body = text.encode("utf-8", "replace")
            self.send_response(status)
            kind = "text/html" if status is HTTPStatus.OK else "text/plain"
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads a line for each look."""

    try:
        return ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}", "give another port") from None


def _page(now: Callable[[], str]) -> tuple[HTTPStatus, str]:
    try:
        return HTTPStatus.OK, now()
    except UserError as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, str(error)


def ends_with(parent: int) -> None:
    """End this process when it is no longer a child of `parent`: the UI whose link it serves is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, name="ends with the UI", daemon=True).start()
