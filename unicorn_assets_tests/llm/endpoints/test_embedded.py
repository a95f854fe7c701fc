"""The embedded endpoint with the real small model."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.ids import seed_of
from unicorn_assets.llm.client.engine import generate
from unicorn_assets.llm.endpoints import embedded, open_endpoint
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
def served(tmp_path_factory):
    settings = LlmSettings(slots=2, context=512, timeout_s=120)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "2")
        endpoint = open_endpoint(settings, tmp_path_factory.mktemp("logs"))
    with endpoint:
        yield endpoint, settings


def ask(served, lake, questions):
    endpoint, settings = served
    with Journal.open(str(lake)) as journal:
        return list(generate(questions, endpoint, journal, settings))


def test_it_answers_and_counts_tokens(served, tmp_path):
    outcomes = ask(served, tmp_path, [Question(i) for i in range(3)])
    assert all(isinstance(outcome, Accepted) and outcome.value.strip() for outcome in outcomes)
    assert all(outcome.answer.prompt_tokens > 5 and 0 < outcome.answer.completion_tokens <= 24 for outcome in outcomes)
    assert served[0].base_url.startswith("http://127.0.0.1:")


def test_the_schema_binds_the_answer(served, tmp_path):
    outcomes = ask(served, tmp_path, [Question(i, SCHEMA) for i in range(4)])
    assert all(outcome.value["animal"] in ("cat", "dog") and 1 <= outcome.value["legs"] <= 9 for outcome in outcomes)


def test_a_prompt_beyond_the_context_is_quarantined(served, tmp_path):
    (outcome,) = ask(served, tmp_path, [Question(1, words=400)])
    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "bad_request"
    assert "context" in outcome.detail


def test_two_servers_of_one_thread_share_the_slots(served, tmp_path):
    endpoint, _ = served
    assert (endpoint.server_count, endpoint.capacity) == (2, 1)
    assert len(set(endpoint.base_urls)) == 2
    before = [psutil.Process(pid).cpu_times().user for pid in pids(endpoint)]
    outcomes = ask(served, tmp_path, [Question(i) for i in range(40, 46)])
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    after = [psutil.Process(pid).cpu_times().user for pid in pids(endpoint)]
    assert all(later > sooner for later, sooner in zip(after, before, strict=True))  # both have worked


def pids(endpoint):
    return [child.pid for child in endpoint._children]


def test_a_killed_server_is_restarted_while_the_other_goes_on(served, tmp_path):
    endpoint, settings = served
    first, second = pids(endpoint)
    _, kept = endpoint.base_urls
    with Journal.open(str(tmp_path)) as journal:
        outcomes = []
        for outcome in generate([Question(i) for i in range(20, 32)], endpoint, journal, settings):
            outcomes.append(outcome)
            if len(outcomes) == 2:
                os.kill(first, signal.SIGKILL)
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 12
    assert (
        endpoint.revive(endpoint.base_urls[0]) == endpoint.base_urls[0]
    )  # once the probe that may be under way is over
    assert pids(endpoint)[0] != first
    assert (pids(endpoint)[1], endpoint.base_urls[1]) == (second, kept)


def test_a_slot_that_changes_between_tasks_reads_no_prompt_twice(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = LlmSettings(slots=1, context=512)
    with open_endpoint(settings, tmp_path) as endpoint:
        first, _, again = (
            ask((endpoint, settings), tmp_path, [Question(number, words=words)])[0].answer
            for number, words in ((1, 20), (2, 30), (1, 21))
        )
    assert first.cached_tokens < 40 < first.prompt_tokens
    assert again.cached_tokens > 0.9 * first.prompt_tokens


def test_what_kills_a_server_again_and_again_ends_the_run(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with open_endpoint(LlmSettings(slots=2, context=256, max_restarts=1), tmp_path) as endpoint:
        addresses = endpoint.base_urls
        for pid in pids(endpoint):
            os.kill(pid, signal.SIGKILL)
            psutil.Process(pid).wait(20)
        revived = endpoint.revive(addresses[0])
        assert revived == endpoint.base_urls[0] == endpoint.revive(addresses[0])  # whoever knows the old address
        with pytest.raises(UserError, match="died 2 times"):
            endpoint.revive(addresses[1])
    assert endpoint.revive(addresses[0]) is None
    assert not endpoint.base_urls


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
    assert not left_behind(broken)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError) as missing:
        open_endpoint(LlmSettings())
    assert "unicorn-assets[local]" in missing.value.hint


def left_behind(weights: Path) -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if str(weights) in child.cmdline()]


def test_a_start_that_fails_half_way_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    endpoint = open_endpoint(LlmSettings(slots=2, context=256), tmp_path)
    started: list[int] = []

    def alive(url: str, _: object) -> bool:
        started.extend(pids(endpoint))
        return url == f"{endpoint._children[0].base_urls[0]}/models"  # the second one does not answer

    monkeypatch.setattr(embedded, "alive", alive)
    with pytest.raises(UserError, match="gave no answer"):
        endpoint.start()
    assert len(set(started)) == 2
    assert not any(psutil.pid_exists(pid) for pid in started)


@pytest.mark.parametrize(("told", "threads"), [("1", 1), ("3,2", 3), ("0", CORES), ("many", CORES), ("", CORES)])
def test_it_takes_as_many_threads_as_openmp_is_told(monkeypatch: pytest.MonkeyPatch, told: str, threads: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert embedded.threads() == threads


@pytest.mark.parametrize(
    ("threads", "slots", "weights_mb", "shared"),
    [(1, 8, 100, (1, 1)), (2, 8, 100, (2, 1)), (2, 1, 100, (1, 2)), (16, 5, 100, (5, 3)), (16, 8, 5000, (1, 16))],
)
def test_servers_of_one_thread_where_slots_and_weights_allow_it(
    threads: int, slots: int, weights_mb: int, shared: tuple[int, int]
) -> None:
    assert embedded.shared_out(threads, slots, weights_mb << 20) == shared
