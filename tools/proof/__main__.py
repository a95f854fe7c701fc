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

from tools.pocket.concepts import read_concepts
from tools.proof.data import HOME, jobs_of
from tools.proof.develop import chosen, developed
from tools.proof.figures import Right, figures, headline, table
from tools.proof.run import Job, answers
from tools.proof.size import CONDITIONS, SIZES, Size
from unicorn_assets.ids import digest

PARTS = ("trained", "held_out")


def found_in(kept: dict[str, dict[str, Any]], jobs: list[Job]) -> dict[str, dict[str, Any]]:
    """Figures of each part of the questions."""
    size, asked = jobs[0].size, jobs[0].questions
    parts = {}
    for part in PARTS:
        rows = [i for i, question in enumerate(asked) if question.part == part]
        right = {name: _right(kept, size, name, _by(name), rows) for name in size.conditions}
        plain = {name: _right(kept, size, name, "by_likelihood", rows).mean() for name in size.conditions}
        parts[part] = figures(right, [asked[row].family for row in rows])
        parts[part] |= {"questions": len(rows), "accuracy_by_plain_likelihood": plain}
    return parts


def _right(kept: dict[str, dict[str, Any]], size: Size, condition: str, by: str, rows: list[int]) -> Right:
    return np.array([[kept[f"{condition}-{seed}"][by][row] for row in rows] for seed in range(size.seeds)], float)


def _by(condition: str) -> str:
    return "by_captions" if CONDITIONS[condition].vectors == "zero" else "right"


def main() -> None:
    """Make what is missing and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="cpu")
    parser.add_argument("--json", action="store_true", help="print figures as JSON instead of the table")
    parser.add_argument("--conditions", help="some of them, separated by commas; answers that are there are kept")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--workers", type=int, default=2, help="processes side by side, one thread each")
    parser.add_argument("--data-only", action="store_true", help="make what is needed before the answers, and end")
    parser.add_argument("--art", type=Path, default=HOME / "pocket-art", help="made by scripts/fetch-pocket-art")
    parser.add_argument(
        "--home", type=Path, default=HOME / "proof", help="data, answers, and the LLM that scripts/proof made"
    )
    given = parser.parse_args()
    size = SIZES[given.size]
    wanted = tuple(given.conditions.split(",")) if given.conditions else size.conditions
    if unknown := set(wanted) - set(CONDITIONS):
        parser.error(f"there is no condition {unknown.pop()!r}; choose of {', '.join(CONDITIONS)}")
    size = replace(size, conditions=wanted, seeds=given.seeds or size.seeds)
    began, llm = time.monotonic(), given.home / "smollm2"
    concepts = read_concepts(given.art / "node_modules")
    folder = given.home / size.name
    jobs = jobs_of(size, concepts, given.art, folder, llm)
    if given.data_only:
        return
    tried = developed(size, concepts, given.home, llm, given.workers)
    size = replace(size, rates=chosen(tried))
    jobs = [replace(job, size=size) for job in jobs]
    key = digest([size.key, list(jobs[0].records.items()), [list(q.captions) for q in jobs[0].questions]], 4)
    kept = answers(jobs, folder / f"answers-{key}", given.workers)
    parts = found_in(kept, jobs)
    if given.json:
        runs = {
            "seconds_of_this_run": time.monotonic() - began,
            "cpu_seconds_of_all_answers": sum(each["cpu_seconds"] for each in kept.values()),
            "rates": size.rates,
            "right_about_text_by_rates": {name: float(np.mean(each["right"])) for name, each in tried.items()},
            "losses": {name: each["losses"] for name, each in kept.items()},
        }
        print(json.dumps({"figures": headline(parts["trained"]), "parts": parts, "runs": runs}, indent=2))
    else:
        print(table(parts))


if __name__ == "__main__":
    main()
