"""Pushing to a local server that speaks as much of the Hub's API as that takes."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.export import push
from unicorn_assets.release import verify_release

TOKEN = "hf_" + "x" * 34


class Hub(BaseHTTPRequestHandler):
    files: dict[str, bytes]
    asked: list[tuple[str, dict]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        if self.headers["authorization"] != f"Bearer {TOKEN}":
            return self.say({"error": "no"}, 401)
        self.asked.append((self.path, lines[0]))
        if self.path == "/api/repos/create":
            return self.say({"url": f"http://{self.headers['host']}/datasets/me/mine", "id": "me/mine"})
        if self.path == "/api/validate-yaml":
            return self.say({"errors": [], "warnings": []})
        if self.path.endswith("/preupload/main"):
            modes = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in lines[0]["files"]
            ]
            return self.say({"files": modes})
        if self.path.endswith("/commit/main"):
            for line in lines:
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return self.say(
                {
                    "commitUrl": f"http://{self.headers['host']}/datasets/me/mine/commit/1",
                    "commitOid": "1",
                    "success": True,
                }
            )
        return self.say({"error": f"no {self.path}"}, 404)

    def do_GET(self) -> None:
        self.say({"id": "me/mine", "sha": "0", "siblings": [], "private": True})

    def say(self, plain: dict, code: int = 200) -> None:
        data = json.dumps(plain).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hub() -> Iterator[tuple[str, type[Hub]]]:
    handler = type("Handler", (Hub,), {"files": {}, "asked": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler
        finally:
            server.shutdown()
            thread.join()


def test_a_release_is_pushed_whole_with_the_token_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub")
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# Birds\n")
    (tmp_path / "manifest.json").write_text("{}")
    manifest = {"asset": "unicorn_1_2m", "version": "abc"}
    with hub() as (address, handler):
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        with pytest.raises(UserError, match="HF_TOKEN is not set"):
            push(tmp_path, manifest, "me/mine")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        assert push(tmp_path, manifest, "me/mine").endswith("/commit/1")
        sent = {name: data for name, data in handler.files.items() if name != ".gitattributes"}
        assert sent == {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        created = next(body for path, body in handler.asked if path == "/api/repos/create")
        assert (created["type"], created["visibility"]) == ("dataset", "private")
        monkeypatch.setenv("HF_TOKEN", "hf_wrong" + "y" * 30)
        with pytest.raises(UserError, match="the hub refused me/mine") as refused:
            push(tmp_path, manifest, "me/mine")
    assert not re.search("yyyy", f"{refused.value.message} {refused.value.hint}")
    assert verify_release(str(tmp_path))  # it was no release; push sends what it is given
