"""The captions that are written already, the seeds they belong to, and a server that gives them as an LLM would.

An OpenAI-compatible server on loopback that looks up the last message, which the proof's prompt makes the bare seed.
Not here: what judges them, the platform's gates.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tools.pocket.captions import phrase, with_article
from tools.pocket.concepts import Concept
from tools.pocket.descriptions import descriptions

KINDS = ("named", "reworded", "unnamed")


def sentence(concept: Concept) -> str:
    """The label as a caption: "A red apple."."""
    named = with_article(phrase(concept.label))
    return f"{named[0].upper()}{named[1:]}."


def seeds_of(concept: Concept, with_descriptions: bool) -> dict[str, str]:
    """What stands written for a concept, by its seeds."""
    written = {phrase(concept.label): sentence(concept)}
    told = descriptions().get(concept.hexcode) if with_descriptions else None
    return written | {f"{phrase(concept.label)} ({kind})": text for kind, text in zip(KINDS, told or (), strict=False)}


@contextmanager
def look_up_server(written: Mapping[str, str]) -> Iterator[str]:
    """The address of a server that knows these captions, as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, {"data": [{"id": "look-up"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = _found(written, body["messages"])
            if text is None:
                return self._send(400, {"error": {"message": "nothing is written for this"}})
            usage = {"prompt_tokens": 1, "completion_tokens": 1}  # of a model that does not exist; 0 reads as untold
            choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            return self._send(200, {"model": "look-up", "choices": [choice], "usage": usage})

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the platform tells how many it asked."""

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _found(written: Mapping[str, str], messages: Sequence[Mapping[str, str]]) -> str | None:
    return written.get(messages[-1]["content"].strip())
