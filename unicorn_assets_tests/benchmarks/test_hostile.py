"""A sample of benchmarks/hostile.py through the real command line, and that its judges see what they are there for."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from unicorn_assets.captions.gates import caption_of
from unicorn_assets.instructions.answer import answer_model
from unicorn_assets.instructions.rules import rules_of
from unicorn_assets.recipe import CaptionGates, InstructionGates, ReasoningGates
from unicorn_assets_tests.cli.test_ending import is_gone

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "hostile.py"
NAMES = ("good_words", "shapes", "verdicts", "wire_faults", "listener", "modes")
KINDS = {"choice": "multiple_choice", "free": "question_answering", "problem": "complex_reasoning"}


@pytest.fixture(scope="module")
def bench() -> Iterator[dict[str, ModuleType]]:
    """The benchmark's modules, which import each other by bare names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.with_suffix("")))
        yield {name: __import__(name) for name in NAMES}
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.mark.timeout(900)
def test_a_dozen_modes_leave_nothing_behind() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--json"], capture_output=True, text=True, timeout=850, check=False
    )
    document = json.loads(done.stdout)
    found = [row for row in document["modes"] if any(row[kind] for kind in ("hangs", "tracebacks", "poisoned"))]
    assert not found, found
    figures = document["figures"]
    assert figures["modes"] >= 12
    assert figures["keys_leaked"] == figures["silent_changes"] == figures["untrue"] == 0, document
    assert figures["peak_rss_mb"] < 600
    assert done.returncode == 0


def test_the_good_answers_are_good_by_the_gates(bench: dict[str, ModuleType]) -> None:
    words = bench["good_words"]
    for number in range(0, words.MOST_SEEDS, 7):
        seed = words.seed_text(number)
        caption = words.caption_of(seed)
        assert caption_of(caption, seed, CaptionGates(min_words=15), frozenset()) == caption
        for task, name in KINDS.items():
            gates = (ReasoningGates if task == "problem" else InstructionGates)(min_pairs=1, max_pairs=3)
            rules = rules_of(name)
            pairs = answer_model(rules.pair).model_validate({"pairs": words.pairs_of(task, seed, caption)}).pairs
            assert [rules.fault_of(pair, caption, gates) for pair in pairs] == [None, None]


@pytest.mark.parametrize(
    "text",
    [
        "A drum. USER: More.",
        "A <|im_end|> drum.",
        "A &quot;drum&quot;.",
        "A dr\u200bum.",
        "A dr",
        "<b>A drum.",
        "\x1b[31mA",
    ],
)
def test_the_judge_of_texts_sees(text: str, bench: dict[str, ModuleType]) -> None:
    assert list(bench["verdicts"].faults_of_text(text, {"A drum."}))
    assert not list(bench["verdicts"].faults_of_text("A drum.", {"A drum."}))


def test_the_judges_of_output_and_keys_see(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    judges = bench["verdicts"]
    assert judges.faults_of_output("spent -1.7e-18 USD\n\x1b[0m Traceback (most recent call last)") != []
    assert judges.faults_of_output("all is well\n") == []
    assert judges.strict_json('{"a": NaN}')
    assert judges.strict_json('{"a": 1}') == ""
    (tmp_path / "log").write_text("key sk-abc+1")
    assert judges.places_of(("sk-abc+1",), ["sk-abc%2B1", "none"], tmp_path) == ["output 0", "log"]


def test_every_mode_has_a_name_of_its_own_and_can_be_chosen(bench: dict[str, ModuleType]) -> None:
    modes = bench["modes"].all_modes()
    names = [mode.name for mode in modes]
    assert len(names) == len(set(names)) > 150
    assert set(bench["modes"].RUN.split()) <= set(names)
    assert [bench["modes"].single(name).name for name in bench["modes"].QUICK.split()] == bench["modes"].QUICK.split()
    assert sorted(mode.name for group in bench["modes"].groups(modes) for mode in group) == sorted(names)


LANE = """
import sys, time
from pathlib import Path
from processes import Lane
with Lane(Path(sys.argv[1])) as lane:
    print(lane.nest.pid, lane.server.pid, flush=True)
    time.sleep(1000)
"""


def test_a_lane_ends_with_whoever_started_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LANE, str(tmp_path)]
    with subprocess.Popen(command, cwd=SCRIPT.with_suffix(""), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        process.kill()
    until = time.monotonic() + 60
    while (left := [pid for pid in pids if not is_gone(pid)]) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left
