"""The real vLLM under the real pipeline: two kills -9, and what must hold after them. scripts/test-vllm calls it.

Three times the pipeline's stages 1 and 2 over a few seeds of the demo:
1. killed with SIGKILL in the middle: no process of the server may be left;
2. the server and its EngineCore are killed in the middle: restarted once, every row gets an outcome;
3. nothing is asked and no server starts.
What vLLM answered is counted in its own access log, what was kept in the journal. Exit code 0 when all of it held.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from test_vllm_lake import look  # beside this file

from unicorn_assets.llm.endpoints.metrics import vllm_metrics
from unicorn_assets.llm.journal import Journal

RECIPE = """\
name: vllm-test
about: A few seeds of the demo through a vLLM server on the CPU.
shard_rows: 12
sources:
  - {{name: everyday, path: everyday.jsonl, license: Apache-2.0, max_rows: {rows}}}
llm:
  endpoint: vllm
  model: ./smollm2  # a folder beside this file
  concurrency: {concurrency}
  max_drafts: 2
  vllm:
    dtype: float32
    max_model_len: 2048
    flags: [--enforce-eager]  # starts a minute sooner than with compiled kernels
    environment: {{VLLM_CPU_KVCACHE_SPACE: 1, HF_HUB_OFFLINE: 1}}
captions:
  prompt: short
  sampling: {{temperature: 0.3, top_p: 0.9, frequency_penalty: 0.3, presence_penalty: 0.2, max_tokens: 60}}
  gates: {{min_words: 18, max_words: 70, min_seed_overlap: 0.6, max_faulty_sentences: 0.7, max_sentences: 2}}
instructions:
  share: 1.0
  multiple_choice:
    weight: 2
    prompt: multiple_choice_small
    options_prompt: wrong_options_small
    sampling: {{temperature: 0.3, top_p: 0.9, frequency_penalty: 0.2, max_tokens: 110}}
    options_sampling: {{temperature: 0.9, min_p: 0.05, frequency_penalty: 0.5, max_tokens: 50}}
    gates:
      {{min_pairs: 1, min_asked: 2, max_pairs: 2, max_question_chars: 80, max_answer_chars: 40, min_grounding: 1.0,
        min_alignment: 1.0}}
  question_answering:
    weight: 1.5
    prompt: question_answering_small
    sampling: {{temperature: 0.3, top_p: 0.9, frequency_penalty: 0.2, max_tokens: 110}}
    gates: {{min_pairs: 1, min_asked: 2, max_pairs: 2, min_grounding: 0.8, min_alignment: 1.0}}
  complex_reasoning:
    weight: 3
    prompt: complex_reasoning_small
    sampling: {{temperature: 0.3, top_p: 0.9, max_tokens: 120}}
    gates:
      {{min_pairs: 1, max_pairs: 1, max_steps: 2, extractive: true, max_question_chars: 100, max_answer_chars: 140,
        min_grounding: 1.0, min_alignment: 1.0}}
"""

BOUND_S = 1200.0
"""Longest time of one run, and of waiting for anything in it."""

ANSWERED = re.compile(r'"POST /v1/chat/completions HTTP/1\.1" 200')
STARTED = re.compile(r"^\$ .* serve .*--port (\d+)", re.MULTILINE)


class Run:
    """One run of stages 1 and 2 and the log of the servers it starts."""

    def __init__(self, work: Path, vllm: Path, number: int) -> None:
        self.home = work / "home"
        self.known_logs = set((self.home / "logs").glob("vllm-*.log"))
        self.output = work / f"run-{number}.txt"
        environment = {**os.environ, "UNICORN_VLLM": str(vllm), "UNICORN_HOME": str(self.home)}
        command = [sys.executable, str(Path(__file__).with_name("test_vllm_stages.py")), str(work / "recipe.yaml")]
        self.started = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)

    def log(self) -> str:
        """What the servers of this run have logged."""
        new = sorted(set((self.home / "logs").glob("vllm-*.log")) - self.known_logs)
        return "".join(path.read_text(errors="replace") for path in new)

    def until(self, what: str, condition) -> float:  # type: ignore[no-untyped-def]
        """Wait for `condition`; seconds since the run began. The run must neither end before, nor last too long."""
        while not condition():
            if self.process.poll() is not None or time.monotonic() - self.started > BOUND_S:
                state = f"ended with {self.process.returncode}" if self.process.poll() is not None else "takes too long"
                self.process.kill()
                sys.exit(f"no {what}: the run {state}\n{self.output.read_text(errors='replace')[-3000:]}")
            time.sleep(0.2)
        return time.monotonic() - self.started

    def ready(self, count: int = 1) -> bool:
        """Whether the server has become ready for the `count`-th time."""
        return self.log().count("Application startup complete") >= count

    def answers(self) -> int:
        """Chat completions that vLLM sent, by its own access log."""
        return len(ANSWERED.findall(self.log()))

    def servers(self) -> list[psutil.Process]:
        """Processes below the run: launcher, guard, API server, EngineCore, workers."""
        return psutil.Process(self.process.pid).children(recursive=True)


def named(processes: list[psutil.Process], *names: str) -> list[psutil.Process]:
    """Those of which one of `names` is in the command line."""
    return [one for one in processes if any(name in " ".join(one.cmdline()) for name in names)]


def gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Processes that still run after at most `seconds`."""
    return [one for one in psutil.wait_procs(processes, seconds)[1] if one.status() != psutil.STATUS_ZOMBIE]


class Speed:
    """Tokens per second by the server's own counter, over the time in which it grew."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int]] = []

    def sample(self, run: Run) -> None:
        """Ask the newest server."""
        ports = STARTED.findall(run.log())
        figures = vllm_metrics(f"http://127.0.0.1:{ports[-1]}/v1") if ports else None
        if figures is not None and figures.generation_tokens is not None:
            if self.samples and figures.generation_tokens < self.samples[-1][1]:
                self.samples.clear()  # a new server counts from 0
            if not self.samples or figures.generation_tokens > self.samples[-1][1]:
                self.samples.append((time.monotonic(), figures.generation_tokens))

    def tokens_per_s(self) -> float:
        """0 when there was nothing to measure."""
        if len(self.samples) < 2:
            return 0.0
        (first, tokens), (last, more) = self.samples[0], self.samples[-1]
        return (more - tokens) / (last - first)


def main() -> int:
    """Run, kill, count, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("vllm", type=Path)
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args()
    work = options.work.absolute()
    shutil.rmtree(work / "home", ignore_errors=True)
    shutil.copyfile(Path("recipes/seeds/everyday.jsonl"), work / "everyday.jsonl")
    (work / "recipe.yaml").write_text(RECIPE.format(rows=options.rows, concurrency=options.concurrency))
    held: list[tuple[bool, str]] = []
    speed = Speed()

    def report(good: bool, text: str) -> None:
        held.append((good, text))
        print(f"  {'ok  ' if good else 'FAIL'} {text}", flush=True)

    print("run 1: killed with SIGKILL in the middle", flush=True)
    run = Run(work, options.vllm.absolute(), 1)
    seconds = run.until("healthy server", run.ready)
    print(f"       vLLM was ready {seconds:.0f} s after the command", flush=True)
    run.until("answer", lambda: run.answers() >= options.rows // 3)
    tree = run.servers()
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    left = gone(tree, 30)
    report(not left, f"{len(tree)} processes of the server lived when the run was killed, {len(left)} live now")
    answered = run.answers()
    print(f"       vLLM had sent {answered} answers", flush=True)

    print("run 2: the server and its EngineCore killed with SIGKILL in the middle", flush=True)
    run = Run(work, options.vllm.absolute(), 2)
    run.until("healthy server", run.ready)
    middle = run.answers() + options.rows
    run.until("answer", lambda: speed.sample(run) or run.answers() >= middle)
    victims = named(run.servers(), " serve ", "EngineCore")
    victims = [one for one in victims if "vllm_server" not in " ".join(one.cmdline())]
    killed = time.monotonic() - run.started
    for victim in victims:
        victim.kill()
    print(f"       killed {len(victims)} processes after {run.answers()} answers", flush=True)
    seconds = run.until("second healthy server", lambda: run.ready(2))
    print(f"       vLLM was ready again after {seconds - killed:.0f} s", flush=True)
    tree = run.servers()
    while run.process.poll() is None and time.monotonic() - run.started < BOUND_S:
        speed.sample(run)
        time.sleep(0.5)
    if run.process.poll() is None:
        run.process.kill()
    report(run.process.returncode == 0, f"the run ended with {run.process.returncode} ({run.output.name})")
    report(len(STARTED.findall(run.log())) == 2, f"the server was started {len(STARTED.findall(run.log()))} times")
    left = gone(tree + victims, 10)
    report(not left, f"{len(left)} processes of the server live after the run")
    answered += run.answers()
    print(f"       {speed.tokens_per_s():.1f} tokens/s by vLLM's counter, until the last answer", flush=True)

    print("run 3: the same command again", flush=True)
    with Journal.open(str(run.home / "lake")) as journal:
        stored = len(journal)
    run = Run(work, options.vllm.absolute(), 3)
    code = run.process.wait(BOUND_S)
    report(code == 0 and not run.log(), f"ended with {code}, started {len(STARTED.findall(run.log()))} servers")
    with Journal.open(str(run.home / "lake")) as journal:
        report(len(journal) == stored, f"asked nothing: {stored} answers stored before, {len(journal)} after")

    print("what is in the lake", flush=True)
    look(work, answered, 2 * options.concurrency, report)
    print(json.dumps({"held": sum(good for good, _ in held), "failed": sum(not good for good, _ in held)}))
    return 0 if all(good for good, _ in held) else 1


if __name__ == "__main__":
    sys.exit(main())
