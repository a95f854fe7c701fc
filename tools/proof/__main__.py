"""`make proof`: the data, the answers, the table (docs/proof.md).

python -m tools.proof [--size cpu|gpu] [--json] [--conditions none,c3] [--seeds 3] [--workers 2] [--data-only]
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tools.proof.data import HOME, jobs_of
from tools.proof.figures import Right, figures, headline, table
from tools.proof.run import Job, answers
from tools.proof.size import CONDITIONS, SIZES
from unicorn_assets.ids import digest

PARTS = ("trained", "held_out")


def found_in(kept: dict[str, dict[str, Any]], jobs: list[Job]) -> dict[str, dict[str, Any]]:
    """Figures of each part of the questions."""
    size, asked = jobs[0].size, jobs[0].questions
    parts = {}
    for part in PARTS:
        rows = [i for i, question in enumerate(asked) if question.part == part]
        right: dict[str, Right] = {
            name: np.array(
                [[kept[f"{name}-{seed}"][_by(name)][row] for row in rows] for seed in range(size.seeds)], float
            )
            for name in size.conditions
        }
        parts[part] = figures(right, [asked[row].family for row in rows]) | {"questions": len(rows)}
    return parts


def _by(condition: str) -> str:
    return "by_captions" if CONDITIONS[condition].vectors == "zero" else "right"


def main() -> None:
    """Make what is missing and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="cpu")
    parser.add_argument("--json", action="store_true", help="print figures as JSON instead of the table")
    parser.add_argument("--conditions", help="some of them, separated by commas; answers that are there are kept")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--workers", type=int, default=2, help="processes side by side, each with --threads")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data-only", action="store_true", help="make what is needed before the answers, and end")
    parser.add_argument("--art", type=Path, default=HOME / "pocket-art", help="made by scripts/fetch-pocket-art")
    parser.add_argument("--llm", type=Path, default=HOME / "proof" / "smollm2", help="made by scripts/proof")
    parser.add_argument("--home", type=Path, default=HOME / "proof", help="data and answers lie here")
    given = parser.parse_args()
    size = SIZES[given.size]
    chosen = tuple(given.conditions.split(",")) if given.conditions else size.conditions
    if unknown := set(chosen) - set(CONDITIONS):
        parser.error(f"there is no condition {unknown.pop()!r}; choose of {', '.join(CONDITIONS)}")
    size = replace(size, conditions=chosen, seeds=given.seeds or size.seeds)
    began = time.monotonic()
    folder = given.home / size.name
    jobs = jobs_of(size, given.art, folder, given.llm, given.threads)
    if given.data_only:
        return
    key = digest([size.key, list(jobs[0].records.items()), [list(q.captions) for q in jobs[0].questions]], 4)
    kept = answers(jobs, folder / f"answers-{key}", given.workers)
    parts = found_in(kept, jobs)
    if given.json:
        cpu = sum(each["cpu_seconds"] for each in kept.values())
        wall = {"seconds_of_this_run": time.monotonic() - began, "cpu_seconds_of_all_answers": cpu}
        print(json.dumps({"figures": headline(parts["trained"]), "parts": parts, "runs": wall}, indent=2))
    else:
        print(table(parts))


if __name__ == "__main__":
    main()
