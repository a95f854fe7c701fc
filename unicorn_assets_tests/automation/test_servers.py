"""`unicorn plan` and `unicorn run` against servers that are not quite OpenAI's, through the real command line."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets_tests.finished import records_in_memory
from unicorn_assets_tests.plan.server import Scripted, write_recipe

STAGES = (("seeds", "caption_drafts", "near_duplicates", "captions", "multiple_choice", "question_answering"),)
KEY = "not-to-be-told-4711"


class Odd(Scripted):
    """`refuse` names what it does not like about a body, or None; `models_reply` is what /models gives."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse: Callable[[dict], str | None] = lambda body: None
        self.reply: Callable[[dict], web.Response | None] = lambda body: None
        self.models_reply: Callable[[], web.Response] | None = None
        self.posts = 0
        self.sent: list[dict] = []
        self.paths: set[str] = set()

    async def _models(self, request: web.Request) -> web.Response:
        return self.models_reply() if self.models_reply is not None else await super()._models(request)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.posts += 1
        self.sent.append(dict(body))
        self.paths.add(request.path_qs)
        name = self.refuse(body)
        if name is not None:
            said = {"message": f"Unsupported parameter: '{name}' is not supported with this model.", "param": name}
            return web.json_response({"error": said}, status=400)
        given = self.reply(body)
        if given is not None:
            return given
        body.setdefault("seed", self.posts)
        text = self.say(body)
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 50, "completion_tokens": 5 + len(text) // 4}
        return web.json_response({"choices": [{"finish_reason": "stop", "message": message}], "usage": usage})


@pytest.fixture
def server():
    with Odd() as server, records_in_memory():
        yield server


def unicorn(folder: Path, *arguments: str, llm: str = "", server: Odd | None = None, rows: int = 12) -> Result:
    if server is not None:
        write_recipe(folder, server.url, rows=rows, llm=llm)
    found = ["--recipe", str(folder / "recipe.yaml"), "--home", str(folder / "home")]
    result = CliRunner().invoke(app, [*arguments, *found], env={"COLUMNS": "400", "MY_KEY": KEY})
    assert "Traceback" not in result.output
    assert "fault of the program" not in result.output
    assert KEY not in result.output
    return result


def keywords_of(body: dict) -> str:
    return json.dumps(body.get("response_format", {}))


REFUSED = {
    "seed": (lambda body: "seed" if "seed" in body else None, "{omit: [seed]}"),
    "max_tokens": (
        lambda body: "max_tokens" if "max_tokens" in body else None, "{rename: {max_tokens: max_completion_tokens}}",
    ),
    "temperature": (
        lambda body: "top_p" if body.keys() >= {"temperature", "top_p"} else None, "{omit: [top_p]}",
    ),
    "system": (
        lambda body: "system" if body["messages"][0]["role"] == "system" else None, "{system: first_turn}",
    ),
    "json_schema": (
        lambda body: "json_schema" if "json_schema" in keywords_of(body) else None, "{response_format: json_object}",
    ),
    "maxLength": (
        lambda body: "maxLength" if "maxLength" in keywords_of(body) else None, "{schema_omit: [maxLength]}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("field", REFUSED)
def test_a_refused_field_stops_early_with_the_line_that_helps(tmp_path: Path, server: Odd, field: str) -> None:
    server.refuse, line = REFUSED[field]
    stopped = unicorn(tmp_path, "plan", "--sample", "6", server=server)
    assert stopped.exit_code == 2, stopped.output
    assert f"write into the recipe: llm: {{wire: {line}}}" in stopped.output
    assert stopped.output.count("error ") == 1
    worked = unicorn(tmp_path, "plan", "--sample", "6", server=server, llm=f", wire: {line}")
    assert worked.exit_code == 0, worked.output
    assert all(server.refuse(body) is None for body in server.sent[-6:])


def test_a_run_ends_where_the_server_refuses_and_goes_on_with_the_key(
    tmp_path: Path, server: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stage 1 is kept, what comes after stage 2 is not begun, and the second run asks only the rest."""
    monkeypatch.setattr("unicorn_assets.automation.local_run.PARTS", (*STAGES, ("text_embeddings",)))
    server.refuse, line = REFUSED["json_schema"]
    stopped = unicorn(tmp_path, "run", server=server)
    assert stopped.exit_code == 1
    assert line in stopped.output
    assert not (tmp_path / "home" / "lake" / "vectors").exists()
    monkeypatch.setattr("unicorn_assets.automation.local_run.PARTS", STAGES)
    server.models_reply = lambda: web.Response(status=404)
    captions = sum("response_format" not in body for body in server.sent)
    finished = unicorn(tmp_path, "run", server=server, llm=f", wire: {line}")
    assert "GET /models gave HTTP 404; it is asked all the same" in finished.output
    assert finished.output.count("GET /models") == 1
    assert sum("response_format" not in body for body in server.sent) == captions
    assert finished.exit_code == 0, finished.output


USAGE = {
    "none": lambda answer: answer.pop("usage"),
    "null": lambda answer: answer.update(usage=None),
    "zeros": lambda answer: answer.update(usage={"prompt_tokens": 0, "completion_tokens": 0}),
    "too little": lambda answer: answer.update(usage={"prompt_tokens": 1, "completion_tokens": 1}),
    "cached only": lambda answer: answer.update(usage={"prompt_tokens_details": {"cached_tokens": 9}}),
}


@pytest.mark.parametrize(
    ("usage", "budget", "most"),
    [("none", "calls: 5", 5)]
    + [(usage, *limit) for usage in USAGE for limit in (("tokens: 4000", 5), ("usd: 0.8", 3))],
)
def test_a_budget_holds_when_the_server_says_no_usage(
    tmp_path: Path, server: Odd, usage: str, budget: str, most: int
) -> None:
    """An answer may have 800 tokens, at 300 USD per million: 5 such answers are 4,000 tokens, and 3 are 0.72 USD."""

    def reply(body: dict) -> web.Response:
        answer = {"choices": [{"finish_reason": "stop", "message": {"content": server.say(body)}}], "usage": {}}
        USAGE[usage](answer)
        return web.json_response(answer)

    server.reply = reply
    price = ", price: {prompt: 100, completion: 300}"
    stopped = unicorn(tmp_path, "plan", "--sample", "12", server=server, llm=f"{price}, budget: {{{budget}}}")
    assert stopped.exit_code == 3, stopped.output
    assert 0 < server.posts <= most
    assert "e-" not in stopped.output.replace("caption-", "")
    asked = server.posts
    again = unicorn(tmp_path, "plan", "--sample", "12")
    assert again.exit_code == 3
    assert server.posts == asked


def models(value: object) -> Callable[[], web.Response]:
    return lambda: web.Response(text=value if isinstance(value, str) else json.dumps(value))


LISTS = {
    "404": (lambda: web.Response(status=404, text="<html>"), "HTTP 404"),
    "400": (lambda: web.Response(status=400), "HTTP 400"),
    "501": (lambda: web.Response(status=501), "HTTP 501"),
    "401": (lambda: web.Response(status=401, text=f"bad key {KEY}"), "not for this key (HTTP 401)"),
    "redirect": (lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}), "HTTP 302"),
    "html": (models("<html><h1>login</h1>"), "no list of models"),
    "a number": (models({"data": 5}), "no list of models"),
    "deep": (models("[" * 200_000), "no list of models"),
    "empty": (models({"data": []}), "is empty"),
    "evil": (models({"data": [{"id": "\x1b]0;x\x07\u202e[/]" + KEY}]}), "lists no model 'm'"),
    "odd ids": (models({"data": [5, None, {"id": {}}, {"id": ["m"]}]}), "is empty"),
    "others": (models({"data": [{"id": f"vendor/{n}", "about": "x" * 3000} for n in range(450)]}), "450 others"),
    "array": (models([{"id": "m"}]), None),
    "names": (models(["m"]), None),
    "latest": (models({"data": [{"id": "m:latest"}]}), None),
    "prefix": (models({"data": [{"id": "models/m"}]}), None),
    "large": (models({"data": [{"id": f"x/{n}", "about": "x" * 3000} for n in range(450)] + [{"id": "m"}]}), None),
}


@pytest.mark.parametrize("name", LISTS)
def test_whatever_the_list_of_models_says_the_first_answer_tells(
    tmp_path: Path, server: Odd, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.models_reply, words = LISTS[name]
    result = unicorn(tmp_path, "plan", "--sample", "4", llm=", api_key_env: MY_KEY", server=server)
    assert result.exit_code == 0, result.output
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("unicorn_assets.llm")]
    assert len(warnings) == (words is not None)
    if words is not None:
        assert words in warnings[0]
        assert warnings[0].isprintable()
        assert KEY not in warnings[0]


FAILURES = {
    "html": lambda: web.Response(text="<html>"),
    "empty": lambda: web.Response(text=""),
    "cut off": lambda: web.Response(text='{"choices": [{"message": {"content": "A'),
    "400": lambda: web.json_response({"error": {"message": "context length exceeded"}}, status=400),
    "401": lambda: web.json_response({"error": {"message": f"invalid: Bearer {KEY}"}}, status=401),
    "404": lambda: web.Response(status=404),
    "413": lambda: web.Response(status=413),
    "418": lambda: web.Response(status=418, text="\x1b[31mteapot"),
    "500": lambda: web.Response(status=500, text="[" * 100_000),
    "999": lambda: web.Response(status=999),
    "302": lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
    "204": lambda: web.Response(status=204),
    "no choices": lambda: web.json_response({"choices": []}),
    "error in 200": lambda: web.json_response({"error": {"message": "upstream", "code": 502}}),
    "null": lambda: web.Response(text="null"),
    "huge": lambda: web.Response(text=" " * 300_000),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_plan_without_any_answer_is_one_line(tmp_path: Path, server: Odd, name: str) -> None:
    server.reply = lambda body: FAILURES[name]()
    llm = ", api_key_env: MY_KEY, max_attempts: 1, patience_s: 5"
    result = unicorn(tmp_path, "plan", "--sample", "4", server=server, llm=llm)
    assert result.exit_code == 2, result.output
    assert "NaN" not in result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("error ")]
    assert "caption_drafts: none of 4 rows got an answer" in line or "The server at" in line


def test_a_plan_whose_second_stage_gets_no_answer_is_one_line(tmp_path: Path, server: Odd) -> None:
    server.reply = lambda body: web.Response(status=418) if "response_format" in body else None
    result = unicorn(tmp_path, "plan", "--sample", "12", server=server, llm=", max_attempts: 1")
    assert result.exit_code == 2, result.output
    assert "HTTP 418" in result.output


@pytest.mark.parametrize(
    "key",
    ["", " ", "two\nlines", "a\r\nX-Evil: b", "Bearer sk-123456", "sk-1234\x00", "sk-ключ", "sk-\u202eabc", "é" * 9],
)  # fmt: skip
def test_a_key_that_cannot_be_one_is_refused_by_its_variable(
    tmp_path: Path, server: Odd, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {**os.environ, "ODD_KEY": key})  # the real one holds no NUL
    result = unicorn(tmp_path, "plan", server=server, llm=", api_key_env: ODD_KEY")
    assert result.exit_code == 2
    assert "ODD_KEY" in result.output
    assert server.posts == 0
    assert not key.strip() or key not in result.output


@pytest.mark.parametrize(
    ("llm", "words"),
    [
        ("url: 'http://user:s3cret-word@h/v1'", "holds a user or password"),
        ("url: 'http://[::1/v1'", "no address"), ("url: 'ftp://h/v1'", "no address"), ("url: 'http://'", "no address"),
        ("url: 'http://h:99999/v1'", "no address"), ("url: 'http://h:x/v1'", "no address"),
        ("url: 'http://h /v1'", "no address"), ('url: "http://h/\\e[31m"', "no address"),
        ("url: 'http://h/#x'", "no address"),
        ("url: 'http://h', urls: ['http://h/v1?a=1']", "twice"),
        ("url: 'http://h', api_key_env: sk-s3cret-word", "the name of an environment variable"),
        ("url: 'http://h', wire: {omit: [sed]}", "wire.omit"),
        ("url: 'http://h', wire: {rename: {seed: model}}", "another field"),
        ("url: 'http://h', wire: {omit: [seed], rename: {seed: s}}", "both omitted and renamed"),
        ("url: 'http://h', wire: {schema_omit: [maxLength], response_format: none}", "schema_omit needs"),
        ("url: 'http://h', wire: {omit: [max_tokens]}, budget: {calls: 5}", "no budget can hold"),
    ],
)  # fmt: skip
def test_an_odd_server_in_the_recipe_is_one_line(tmp_path: Path, llm: str, words: str) -> None:
    write_recipe(tmp_path, "http://127.0.0.1:9")
    recipe = tmp_path / "recipe.yaml"
    lines = recipe.read_text().splitlines()
    changed = [f"llm: {{endpoint: url, model: m, {llm}}}" if line.startswith("llm:") else line for line in lines]
    recipe.write_text("\n".join(changed))
    result = unicorn(tmp_path, "plan")
    assert result.exit_code == 2
    assert words in result.output
    assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("model: x", "set llm.model"), ("messages: []", "prompt of your own"), ("seed: 5", "seed of its own"),
        ("stream: true", "read whole"), ("response_format: {}", "llm.wire.response_format"),
        ("max_tokens: 5", "budgets"),
        ("n: 0", "extra: 'n' is a whole number"), ("n: .nan", "extra.n: nan is no number"), ("a: 2024-01-01", "date"),
        ("a: .inf", "extra.a: inf is no number"), ("a: {b: [.nan]}", "extra.a.b.0: nan is no number"),
        ("a: &x [*x]", "holds itself"), ("a: &x {b: *x}", "holds itself"), ("a: {1.5: 2}", "'1.5' is no key"),
        ("a: !!binary aGk=", "extra.a: binary data"), ("a: !!set {b}", "set"),
    ],
)  # fmt: skip
def test_extra_sends_what_it_says_or_is_an_error(tmp_path: Path, server: Odd, extra: str, words: str) -> None:
    write_recipe(tmp_path, server.url)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("captions:\n", f"captions:\n  sampling: {{extra: {{{extra}}}}}\n"))
    result = unicorn(tmp_path, "plan")
    assert result.exit_code == 2, result.output
    assert words in result.output
    assert re.search(r"recipe.yaml:\d+: ", result.output)
    assert server.posts == 0


def test_what_extra_and_the_address_say_is_sent(tmp_path: Path, server: Odd) -> None:
    write_recipe(tmp_path, f"'{server.url}/v1/chat/completions?api-version=7'")
    recipe = tmp_path / "recipe.yaml"
    extra = "sampling: {extra: {logit_bias: {50256: -100}, chat_template_kwargs: {thinking: null}, top_p: 0.5}}"
    recipe.write_text(recipe.read_text().replace("captions:\n", f"captions:\n  {extra}\n"))
    result = unicorn(tmp_path, "plan", "--sample", "4")
    assert result.exit_code == 0, result.output
    body = server.sent[0]
    assert body["logit_bias"] == {"50256": -100}
    assert body["chat_template_kwargs"] == {"thinking": None}
    assert body["top_p"] == 0.5
    assert "api-version" not in result.output
    assert server.paths == {"/v1/chat/completions?api-version=7"}
