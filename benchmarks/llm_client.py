"""Measures the LLM engine: speed beside a plain client and other tools, memory, kills, faults, and what edits cost.

    python benchmarks/llm_client.py --json [--only speed,peers,journal,kills,faults,edits] [--quick]

Everything runs on this machine against llm_peers/server.py, which answers after 50 ms; all clients in turn, each in a
process of its own. Other tools need an environment of their own, named by CURATOR_PYTHON and DATA_DESIGNER_PYTHON;
without it their figure is left out, never guessed. `make bench-llm` makes both environments and runs everything.
docs/llm-client.md says what each figure means.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "llm_peers"))
from processes import Client, fetch, model_server, run_script

LATENCY_MS = 50
OURS, BASELINE = "platform_client", "baseline"
STAGE = "question_answering"
"""Whose prompt and schema ours asks with as well; other clients have one short prompt, and so has ours beside them."""
PEERS = {"curator_client": "CURATOR_PYTHON", "data_designer_client": "DATA_DESIGNER_PYTHON"}
ALL_FAULTS = {
    "http_500": 0.01, "cut_off_json": 0.01, "http_429": 0.002, "hang": 0.0005, "close": 0.002, "huge": 0.001,
    "html": 0.002,
}  # fmt: skip

Figures = dict[str, Any]


def once(
    script: str, work: Path, rows: int, in_flight: int, python: str = sys.executable, **options: object
) -> Figures:
    """One client against a fresh server."""
    work.mkdir(exist_ok=True)
    with model_server(latency_ms=LATENCY_MS) as url:
        result = Client(script, url, work, rows, in_flight, python, **options).finish()
    if result["rows"] != rows:
        raise RuntimeError(f"{script} made {result['rows']} of {rows} rows")
    return result | {"rows_per_s": rows / result["seconds"]}


def speed(scratch: Path, scale: float) -> Figures:
    """Ours and the plain client in turn; medians of the ratio of neighbours, so that a busy moment hits both."""
    figures: Figures = {}
    once(OURS, scratch / "stage-warm", 200, 64, stage=STAGE)
    for script in (OURS, BASELINE):
        once(script, scratch / f"{script}-warm", 200, 64)  # compiles its modules
    for in_flight, rows in ((64, int(6000 * scale)), (256, int(12000 * scale))):
        pairs = []
        for turn in range(5 if scale >= 1 else 2):
            made = {}
            for script in (OURS, BASELINE) if turn % 2 else (BASELINE, OURS):  # nobody is always first
                made[script] = once(script, scratch / f"{script}-{in_flight}-{turn}", rows, in_flight)
            pairs.append((made[OURS], made[BASELINE]))
        figures[f"rows_per_s_{in_flight}"] = statistics.median(ours["rows_per_s"] for ours, _ in pairs)
        figures[f"rows_per_s_{in_flight}_baseline"] = statistics.median(plain["rows_per_s"] for _, plain in pairs)
        ratios = [ours["rows_per_s"] / plain["rows_per_s"] for ours, plain in pairs]
        figures[f"rows_per_s_{in_flight}_vs_baseline"] = statistics.median(ratios)
        if in_flight == 64:
            figures["cpu_s_per_1000_rows"] = statistics.median(ours["cpu_s"] / rows * 1000 for ours, _ in pairs)
            figures["cpu_s_per_1000_rows_baseline"] = statistics.median(p["cpu_s"] / rows * 1000 for _, p in pairs)
            staged = [once(OURS, scratch / f"stage-{turn}", rows, in_flight, stage=STAGE) for turn in range(len(pairs))]
            figures["rows_per_s_64_stage_2"] = statistics.median(made["rows_per_s"] for made in staged)
            figures["cpu_s_per_1000_rows_stage_2"] = statistics.median(made["cpu_s"] / rows * 1000 for made in staged)
    return figures


def peers(scratch: Path, scale: float) -> Figures:
    """Other tools at 64 in flight, and ours right after them."""
    rows, figures = int(3000 * scale), {}
    for script, variable in PEERS.items():
        python = os.environ.get(variable)
        if python:
            once(script, scratch / f"{script}-warm", 20, 64, python)  # compiles its modules
            result = once(script, scratch / script, rows, 64, python)
            name = script.removesuffix("_client")
            figures[f"rows_per_s_64_{name}"] = result["rows_per_s"]
            figures[f"cpu_s_per_1000_rows_{name}"] = result["cpu_s"] / rows * 1000
            figures[f"peak_rss_mb_{name}"] = result["peak_rss_mb"]
    best = max((value for key, value in figures.items() if key.startswith("rows_per_s_64_")), default=None)
    if best is not None:
        ours = once(OURS, scratch / "beside-peers", rows, 64)["rows_per_s"]
        figures["rows_per_s_64_vs_best_peer"] = ours / best
    return figures


def journal(scratch: Path, scale: float) -> Figures:
    """Memory and opening time over 1.2 million stored answers, with and without the index."""
    work, answers = scratch / "filled", int(1_200_000 * scale)
    work.mkdir()
    filled = run_script("fill_journal", "--work", str(work), "--answers", str(answers))
    result = once(OURS, work, 3000, 64)
    figures = {
        "stored_answers": result["stored"] - 3000,
        "peak_rss_mb_1m2": result["peak_rss_mb"],
        "journal_open_s_1m2": result["opened_s"],
        "journal_put_per_s": answers / filled["seconds"],
        "journal_bytes_per_answer": sum(p.stat().st_size for p in (work / "journal").glob("*.part")) / answers,
    }
    for index in (work / "journal").glob("*.index"):
        index.unlink()
    rebuilt = once(OURS, work, 3000, 64)
    return figures | {
        "journal_open_s_1m2_without_index": rebuilt["opened_s"],
        "peak_rss_mb_1m2_without_index": rebuilt["peak_rss_mb"],
    }


def kills(scratch: Path, scale: float) -> Figures:
    """One long campaign, killed -9 at 20 random moments; every session must only ask again what was in flight."""
    rng, in_flight, killed = random.Random(3), 64, 20
    work, rows, beyond, again = scratch / "killed", int(12_000 * scale), 0, 0
    work.mkdir()
    with model_server(latency_ms=LATENCY_MS) as url:
        for _ in range(killed):
            client = Client(OURS, url, work, rows, in_flight)
            target = fetch(f"{url}/stats")["rows"] + rng.randint(100, max(101, int(rows / killed * 0.9)))
            while client.process.poll() is None and fetch(f"{url}/stats")["rows"] < target:
                time.sleep(0.01 * rng.random())
            client.kill()
            time.sleep(3 * LATENCY_MS / 1000)  # the server finishes what it was asked, for nobody
            now = fetch(f"{url}/stats")["asked_again"]
            beyond, again = beyond + max(0, now - again - in_flight), now
        result = Client(OURS, url, work, rows, in_flight).finish()
        now = fetch(f"{url}/stats")["asked_again"]
        beyond += max(0, now - again - in_flight)
    return {
        "kills": killed,
        "lost": rows - result["outcomes"].get("accepted", 0),
        "asked_twice": now,
        "asked_twice_beyond_in_flight": beyond,
    }


def faults(scratch: Path, scale: float) -> Figures:
    """Every kind of passing fault at once, against a clean run of the same rows."""
    rows, ratios, recovered = int(8000 * scale), [], True
    for turn in range(3 if scale >= 1 else 1):
        clean = once(OURS, scratch / f"clean-{turn}", rows, 64, timeout_s=1)
        work = scratch / f"faults-{turn}"
        work.mkdir()
        with model_server(latency_ms=LATENCY_MS, **ALL_FAULTS) as url:
            faulty = Client(OURS, url, work, rows, 64, timeout_s=1).finish()
            injected = fetch(f"{url}/stats")["injected"]
        recovered = recovered and faulty["outcomes"] == {"accepted": rows}
        ratios.append(faulty["seconds"] / clean["seconds"])
    return {
        "faults_time_vs_clean": statistics.median(ratios),
        "faults_all_recovered": recovered,
        "faults_injected": injected,
    }


def edits(scratch: Path, scale: float) -> Figures:  # noqa: ARG001 - always 200 rows
    """How many of 200 rows are asked again after an edit."""
    work = scratch / "edited"
    work.mkdir()
    with model_server(latency_ms=LATENCY_MS) as url:

        def asked(rows: int, **options: object) -> int:
            before = fetch(f"{url}/stats")["requests"]
            Client(OURS, url, work, rows, 64, **options).finish()
            return int(fetch(f"{url}/stats")["requests"] - before)

        first = asked(200)
        return {
            "asked_first": first,
            "asked_after_rename": asked(200, name="renamed"),
            "asked_after_append": asked(201),
            "asked_after_prompt_edit": asked(200, prompt="Write a short caption with a score, as JSON."),
        }


PARTS: dict[str, Callable[[Path, float], Figures]] = {
    "speed": speed, "peers": peers, "journal": journal, "kills": kills, "faults": faults, "edits": edits,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to measure")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the rows, to see that it runs")
    o = parser.parse_args()
    figures: Figures = {}
    failed = []
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="llm-bench-") as scratch:
        for name in o.only.split(","):
            print(f"{name} ...", file=sys.stderr, flush=True)
            (Path(scratch) / name).mkdir()
            try:
                figures |= PARTS[name](Path(scratch) / name, 0.05 if o.quick else 1.0)
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:  # the other parts are worth having
                print(f"{name} failed: {error}", file=sys.stderr, flush=True)
                failed.append(name)
    figures = {key: round(value, 3) if isinstance(value, float) else value for key, value in figures.items()}
    machine = {
        "cpus": os.cpu_count(),
        "load_before": load,
        "python": platform.python_version(),
        "latency_ms": LATENCY_MS,
    }
    if o.json:
        print(json.dumps({"benchmark": "llm_client", "quick": o.quick, "machine": machine, "figures": figures}))
        sys.exit(1 if failed else 0)
    for key, value in figures.items():
        print(f"{key:40} {value}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
