"""Keys planted in every place, a server that tells them back in every way, and nothing that is left behind tells them.

A run with Dagster's own records on disk, then every command; what was printed and every byte of the home is searched.
"""

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from aiohttp import web
from typer.testing import CliRunner

from unicorn_assets import redaction
from unicorn_assets.automation import local_run
from unicorn_assets.cli import app
from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import Lake
from unicorn_assets.redaction import scrub
from unicorn_assets.release.card import card
from unicorn_assets.seeds.catalog import build_catalog
from unicorn_assets_tests.plan.server import Scripted, write_recipe
from unicorn_assets_tests.small_lake import facts, small_recipe

KEY = "planted/Key+7f3a9b%21"
CLOUD = "planted0Cloud1Secret2Of3The4Environment"
USER_INFO = "plantedPassword81"
QUERY = "plantedSignature93"
PARTS = (("seeds", "caption_drafts"),)


class Telling(Scripted):
    """Tells the key that it was given: in errors of all kinds, in headers, in answers."""

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        given, draw = request.headers.get("Authorization", ""), body["seed"] % 7
        key = given.removeprefix("Bearer ")
        told = [given, f"key={key}", quote(key, safe=""), base64.b64encode(f"user:{key}".encode()).decode(),
                json.dumps(key),
                repr(key.encode()), str(request.url), CLOUD]  # fmt: skip
        words = "; ".join(told)
        echo = {"X-Echo": given, "WWW-Authenticate": given}
        if draw == 0:
            return web.json_response({"error": {"message": f"Incorrect API key: {words}"}}, status=400, headers=echo)
        if draw == 1:
            return web.Response(text=f"<html>{words}</html>", status=422, headers=echo)
        if draw == 2:
            return web.Response(text=words)
        if draw == 3:
            return web.json_response({"error": {"message": words, "code": key}})
        text = self.say(body) if draw == 4 else f"No. {words}"
        choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        return web.json_response(
            {"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 5}}, headers=echo
        )


def forms() -> Iterator[bytes]:
    for secret in (KEY, CLOUD, USER_INFO, QUERY):
        for text in {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}:
            yield text.encode()
            yield text.encode("utf-16-le")
        yield base64.b64encode(secret.encode())[:-4]
        yield base64.b64encode(f"user:{secret}".encode())[8:-4]


def told_by(home: Path) -> list[str]:
    return [
        f"{path}: {form!r}"
        for path in home.rglob("*")
        if path.is_file()
        for form in forms()
        if form in path.read_bytes()
    ]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(redaction, "_remembered", set())
    monkeypatch.setattr(redaction, "_variables", set())
    monkeypatch.setenv("ODD_NAME", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CLOUD)
    monkeypatch.setattr(local_run, "PARTS", PARTS)
    return tmp_path


def test_no_key_is_left_behind_by_a_run_nor_told_by_a_command(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    home, recipe, printed = place / "home", place / "recipe.yaml", ""
    monkeypatch.setenv("UNICORN_RECIPE", str(recipe))
    with Telling() as server:
        write_recipe(
            place, f'"{server.url}?sig={QUERY}"', rows=24, llm=", api_key_env: ODD_NAME, patience_s: 5, max_attempts: 2"
        )
        for command in (
            ("run",), ("plan", "--sample", "8", "--json"), ("status", "--json"), ("status",),
            ("quarantine",), ("quarantine", "--rows", "24"), ("quarantine", "--rows", "24", "--json"),
            ("show", "quarantine", "--rows", "24"), ("show", "quarantine", "--rows", "24", "--json"),
            ("doctor",), ("doctor", "--json"),
        ):  # fmt: skip
            result = CliRunner().invoke(app, [*command, "--home", str(home)], env={"COLUMNS": "500"})
            assert result.exit_code in (0, 1, 2)
            printed += result.output
    assert "quarantine" in printed
    assert "***" in printed
    assert not [form for form in forms() if form in printed.encode()]
    assert not [form for form in forms() if form in caplog.text.encode()]
    assert any(path.suffix == ".db" for path in home.rglob("*")), "Dagster's records are searched too"
    assert Lake(str(home / "lake")).files.names("journal")
    assert not told_by(home)


@pytest.mark.parametrize(
    "key",
    ["first\nX-Evil: plantedSecond", "plantedÄÖÜ-schlüssel", "\x1b[2Jplanted-key", "planted-one\tplanted-two"],
)
def test_a_key_that_no_header_can_hold_is_told_by_nobody(
    key: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD_NAME", key)
    write_recipe(place, "http://127.0.0.1:9", rows=4, llm=", api_key_env: ODD_NAME, patience_s: 1, max_attempts: 1")
    result = CliRunner().invoke(
        app, ["plan", "--sample", "1", "--recipe", str(place / "recipe.yaml"), "--home", str(place / "home")]
    )
    assert result.exit_code in (1, 2)
    assert "ODD_NAME" in result.output
    for part in key.split():
        assert len(part) < 8 or part not in result.output
        assert len(part) < 8 or not any(
            part.encode() in path.read_bytes() for path in (place / "home").rglob("*") if path.is_file()
        )


@pytest.mark.parametrize(
    "url",
    [f"http://me:{USER_INFO}@127.0.0.1:9/v1", f"http://{USER_INFO}@127.0.0.1:9/v1", f"http://127.0.0.1:9/v1?api-key={QUERY}"],
)  # fmt: skip
def test_an_address_with_a_key_is_told_without_it(url: str, place: Path) -> None:
    write_recipe(place, f'"{url}"', rows=4, llm=", patience_s: 1, max_attempts: 1")
    result = CliRunner().invoke(
        app, ["plan", "--sample", "1", "--recipe", str(place / "recipe.yaml"), "--home", str(place / "home")]
    )
    assert result.exit_code in (1, 2)
    assert not [form for form in forms() if form in result.output.encode()]
    assert not told_by(place / "home")


def test_sources_with_a_password_enter_catalog_and_card_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/seeds.txt", b"a red boat on a lake\na blue barn\n\n")
    one = f"memory://seeds.txt?sig={QUERY}"
    for module in ("sources", "listing"):
        monkeypatch.setattr(f"unicorn_assets.seeds.{module}.locate", lambda url, shown: (memory, "/seeds.txt"))
    sources = [{"name": "one", "path": one, "format": "text"}, {"name": "two", "path": f"{one}2", "format": "text"}]
    recipe = small_recipe(sources=sources, release={"license": f"see https://me:{USER_INFO}@host/terms"})
    found = build_catalog(recipe, None)
    written = found.catalog.write_json() + found.quarantine.write_json()
    assert QUERY not in written
    assert "memory://seeds.txt?sig=***#" in written
    assert len(set(found.quarantine["row_id"])) == found.quarantine.height, "two sources stay two"
    manifest = {"version": "v", "asset": "a", "counts": {"seeds_by_source": {}, "rows": {}, "quarantined": {}},
                "recipe": {"name": "n", "hash": "h"}}  # fmt: skip
    from unicorn_assets.release.statistics import CaptionStatistics

    text = card("Pretrain", recipe, facts(), manifest, 1, CaptionStatistics(), {})
    assert not [form for form in forms() if form in text.encode()]
    assert set(found.catalog["file"]) <= {cell.strip(" `") for line in text.splitlines() for cell in line.split("|")}


@pytest.mark.parametrize("lake", [f"s3://me:{USER_INFO}@bucket/lake", f"s3://bucket/lake?key={QUERY}", "s3://[/lake"])
def test_a_lake_has_no_key_in_its_address(lake: str, place: Path) -> None:
    for command in ("status", "run", "show"):
        more = ["captions"] if command == "show" else []
        write_recipe(place, "http://127.0.0.1:9", rows=4)
        arguments = [command, *more, "--lake", lake, "--home", str(place / "home")]
        result = CliRunner().invoke(
            app, arguments + (["--recipe", str(place / "recipe.yaml")] if command == "run" else [])
        )
        assert result.exit_code == 2, result.output
        assert not [form for form in forms() if form in result.output.encode()]
    assert not (place / "home").exists()


def test_errors_that_led_to_an_error_lose_their_secrets_too() -> None:
    error = ValueError(f"url https://h/?sig={QUERY}")
    error.__cause__ = OSError(f"no answer from http://me:{USER_INFO}@host")
    scrub(error)
    assert USER_INFO not in repr(error.__cause__)
    assert QUERY not in repr(error)
    assert QUERY not in str(UserError(f"https://h/?sig={QUERY}"))
