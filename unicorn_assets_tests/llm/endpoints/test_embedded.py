"""The embedded endpoint with the real small model."""

import json
import os
import signal

import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.ids import seed_of
from unicorn_assets.llm.client.engine import generate
from unicorn_assets.llm.endpoints import embedded_server, open_endpoint
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Accepted, Quarantined, Rejected
from unicorn_assets.llm.settings import LlmSettings, Sampling

pytest.importorskip("xllamacpp")

CORES = len(os.sched_getaffinity(0))

SCHEMA = {
    "type": "object",
    "properties": {"animal": {"enum": ["cat", "dog"]}, "legs": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["animal", "legs"],
    "additionalProperties": False,
}


class Question:
    def __init__(self, number, schema=None, words=1):
        self.number, self.row_id, self.schema, self.words = number, f"q{number}", schema, words

    def request(self, draft, problem):
        text = f"Name an animal for picture {self.number}. " * self.words
        return ChatRequest(
            ({"role": "user", "content": text},),
            Sampling(max_tokens=64 if self.schema else 24),
            seed_of(self.number, draft),
            self.schema,
        )

    def accept(self, text, _on_repair=None):
        try:
            return json.loads(text) if self.schema else text
        except ValueError as error:  # the grammar allows white space, and the small model may fill its budget with it
            raise Rejected("not_json") from error


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    settings = LlmSettings(slots=2, context=512, timeout_s=120)
    with open_endpoint(settings, tmp_path_factory.mktemp("logs")) as endpoint:
        yield endpoint, settings


def ask(embedded, lake, questions):
    endpoint, settings = embedded
    with Journal.open(str(lake)) as journal:
        return list(generate(questions, endpoint, journal, settings))


def test_it_answers_and_counts_tokens(embedded, tmp_path):
    outcomes = ask(embedded, tmp_path, [Question(i) for i in range(3)])
    assert all(isinstance(outcome, Accepted) and outcome.value.strip() for outcome in outcomes)
    assert all(outcome.answer.prompt_tokens > 5 and 0 < outcome.answer.completion_tokens <= 24 for outcome in outcomes)
    assert embedded[0].base_url.startswith("http://127.0.0.1:")


def test_the_schema_binds_the_answer(embedded, tmp_path):
    outcomes = ask(embedded, tmp_path, [Question(i, SCHEMA) for i in range(4)])
    assert all(outcome.value["animal"] in ("cat", "dog") and 1 <= outcome.value["legs"] <= 9 for outcome in outcomes)


def test_a_prompt_beyond_the_context_is_quarantined(embedded, tmp_path):
    (outcome,) = ask(embedded, tmp_path, [Question(1, words=400)])
    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "bad_request"
    assert "context" in outcome.detail


def test_a_killed_server_is_restarted_within_the_run(embedded, tmp_path):
    endpoint, settings = embedded
    with Journal.open(str(tmp_path)) as journal:
        outcomes = []
        for outcome in generate([Question(i) for i in range(20, 28)], endpoint, journal, settings):
            outcomes.append(outcome)
            if len(outcomes) == 2:
                os.kill(endpoint._process.pid, signal.SIGKILL)
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 8


def test_its_identity_names_the_weights():
    endpoint = open_endpoint(LlmSettings())
    assert endpoint.model == "SmolLM2-135M-Instruct"
    assert endpoint.revision.startswith("SmolLM2-135M-Instruct.Q4_1.gguf:")
    assert endpoint.revision.endswith(":Q8_0")  # what is served is not bit for bit what was installed
    endpoint.stop()


def test_errors_say_what_to_install_or_correct(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="not embedded") as wrong:
        open_endpoint(LlmSettings(model="Qwen/Qwen2.5-72B-Instruct"))
    assert "endpoint: url" in wrong.value.hint
    with pytest.raises(UserError, match="no file"):
        open_endpoint(LlmSettings(model="missing.gguf"))
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    with (
        pytest.raises(UserError, match="server ended") as dead,
        open_endpoint(LlmSettings(model=str(broken)), tmp_path),
    ):
        pass
    assert str(tmp_path) in dead.value.hint
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError) as missing:
        open_endpoint(LlmSettings())
    assert "unicorn-assets[local]" in missing.value.hint


@pytest.mark.parametrize(("told", "threads"), [("1", 1), ("3,2", 3), ("0", CORES), ("many", CORES), ("", CORES)])
def test_it_takes_as_many_threads_as_openmp_is_told(monkeypatch: pytest.MonkeyPatch, told: str, threads: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert embedded_server.threads() == threads
