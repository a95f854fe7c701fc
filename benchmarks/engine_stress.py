"""Stress of the LLM engine: rounds of rows against a server with every fault, and whether each round comes to its end.

    python benchmarks/engine_stress.py --json [--rounds 2000] [--seed 1] [--first 0] [--most-rows 500]

64 to 1,024 requests in flight, 1 to `--most-rows` rows, a fast, a slow or a bursty server, up to a third of all
requests faulty, and in every second round a caller that leaves in the middle. A round is the same whenever its number
and the seed are. Figures: hangs (a round that takes longer than --bound seconds), lost (an accepted answer that the
journal lacks), raised (an exception that is not in words) must be 0.
"""

import argparse
import json
import re
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "engine_stress"))
sys.path.insert(0, str(Path(__file__).parent / "llm_peers"))
from faulty_llm import plan_of
from processes import model_server
from rounds import Round

WORDS = re.compile(r"\d+")
SERVER = Path(__file__).parent / "engine_stress" / "faulty_llm.py"


def tell(url: str, plan: dict[str, Any]) -> None:
    """Tell the server what it does in the next round."""
    request = urllib.request.Request(f"{url}/plan", json.dumps(plan).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).read()


def stress(rounds: range, seed: int, bound: float, most_rows: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures, and the reports of the rounds that did not end as they should."""
    states, words, bad, longest, rows = Counter[str](), Counter[str](), [], 0.0, 0
    with model_server(SERVER) as url:
        for number in rounds:
            tell(url, plan_of(number, seed))
            report = Round(number, seed, url, bound, most_rows).run()
            states[report["state"]] += 1
            words.update([WORDS.sub("#", report["error"])] if report["state"] == "ended in words" else [])
            rows += report["rows"]
            longest = max(longest, report["seconds"])
            if report["state"] not in ("done", "ended in words"):
                bad.append(report)
                print(json.dumps(report), file=sys.stderr, flush=True)
    return {
        "rounds": states.total(),
        "rows": rows,
        "hangs": states["hang"],
        "lost": states["lost rows"],
        "raised": states["raised"],
        "ended_in_words": states["ended in words"],
        "words": dict(words.most_common(10)),
        "longest_round_s": longest,
    }, bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bound", type=float, default=60.0, help="seconds after which a round counts as hanging")
    parser.add_argument("--most-rows", type=int, default=500)
    o = parser.parse_args()
    started = time.monotonic()
    figures, bad = stress(range(o.first, o.first + o.rounds), o.seed, o.bound, o.most_rows)
    figures["seconds"] = round(time.monotonic() - started, 1)
    if o.json:
        print(json.dumps({"benchmark": "engine_stress", "figures": figures, "bad": bad}))
    else:
        for key, value in figures.items():
            print(f"{key:20} {value}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
