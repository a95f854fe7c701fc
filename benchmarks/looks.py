"""How well a model looks: what it answers blind, with which letters, and how far its marks agree with the labels.

The rows are those of unicorn_assets_tests/labelled: `blind_pairs` (answerable without the caption, or not), and good
and planted pairs for the judge. Without --url the small model that comes with the package is asked, which is no judge:
that is what the figures show.

    python benchmarks/looks.py [--json] [--half tune] [--pairs 60] [--url http://host:8000 --model NAME]
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unicorn_assets.generation.asking import Asker
from unicorn_assets.generation.looking import Look, Question
from unicorn_assets.ids import rng_of
from unicorn_assets.instructions.looks import looks_of
from unicorn_assets.instructions.looks.blind import orders
from unicorn_assets.instructions.rules import rules_of
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.row import Accepted
from unicorn_assets.recipe import Recipe

LABELLED = Path(__file__).parent.parent / "unicorn_assets_tests" / "labelled"
Labelled = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """What a look needs of a row."""

    row_id: str
    caption: str


def recipe_of(url: str | None, model: str | None) -> Recipe:
    """Both looks, with their defaults."""
    llm = {"endpoint": "url", "url": url, "model": model} if url else {"endpoint": "embedded", "concurrency": 2}
    return Recipe.model_validate(
        {"name": "looks", "sources": [{"name": "a", "path": "a.txt"}], "llm": llm,
         "instructions": {"blind": {}, "judge": {}}}
    )  # fmt: skip


def rows(kind: str, half: str) -> list[Labelled]:
    """The labelled rows of a file."""
    return [json.loads(line) for line in (LABELLED / half / f"{kind}.jsonl").read_text("utf-8").splitlines()]


class Looking:
    """Asks one look about labelled rows."""

    def __init__(self, recipe: Recipe, asker: Asker) -> None:
        self._recipe, self._asker = recipe, asker

    def faults(self, labelled: Iterable[Labelled], name: str) -> list[tuple[Labelled, Any, list[Any], str | None]]:
        """Each row with its pair, what was answered, and what the look says against it; rows without an answer and
        tasks without such a look are left out.
        """
        asked: list[tuple[Labelled, Any, Look, list[Question]]] = []
        for row in labelled:
            look = next((one for one in looks_of(self._recipe, row["stage"]) if one.name == name), None)
            if look is not None:
                pair = rules_of(row["stage"]).pair.model_validate(row["pair"])
                questions = look.questions(Row(row["id"], row["caption"]), pair)
                asked.append((row, pair, look, [Question(f"{row['id']}#{n}", *one) for n, one in enumerate(questions)]))
        ask, _ = self._asker.asking(lambda _: None)
        outcomes = {outcome.row_id: outcome for outcome in ask([q for *_, questions in asked for q in questions])}
        found = []
        for row, pair, look, questions in asked:
            answers = [outcome.value[0] for q in questions if isinstance(outcome := outcomes[q.row_id], Accepted)]
            if answers:
                fault = look.fault(Row(row["id"], row["caption"]), pair, answers)
                found.append((row, pair, answers, fault))
        return found


def blind_figures(looking: Looking, half: str) -> dict[str, Any]:
    """Pairs that anybody can answer and pairs that nobody can: which share of each is refused, and the letter prior."""
    found = looking.faults(rows("blind_pairs", half), "blind")
    letters = Counter[str]()
    for row, pair, answers, _ in found:
        if row["stage"] == "multiple_choice":
            for options, answer in zip(orders(row["id"], pair, len(answers)), answers, strict=True):
                letters["none" if answer is None else "ABCD"[options.index(answer)]] += 1
    total = sum(letters.values())
    return {
        "blind_pairs": len(found),
        "blind_known_refused": _share(fault is not None for row, _, _, fault in found if row["label"] == "bad"),
        "blind_good_refused": _share(fault is not None for row, _, _, fault in found if row["label"] == "good"),
        **{f"blind_letter_{name}": round(letters[name] / total, 3) for name in sorted(letters)},
    }


def judge_figures(looking: Looking, half: str, most: int) -> dict[str, Any]:
    """Agreement of the judge's verdicts with the labels, and Cohen's kappa; as many good as planted pairs."""
    good, bad = (rows(f"{kind}_pairs", half) for kind in ("good", "planted"))
    rng_of("looks", half).shuffle(good)
    rng_of("looks", half).shuffle(bad)
    found = looking.faults([*good[: most // 2], *bad[: most // 2]], "judge")
    same = _share((fault is None) == (row["label"] == "good") for row, _, _, fault in found)
    passed = _share(fault is None for *_, fault in found)
    labels = _share(row["label"] == "good" for row, *_ in found)
    chance = passed * labels + (1 - passed) * (1 - labels)
    return {
        "judge_pairs": len(found),
        "judge_agreement": same,
        "judge_kappa": round((same - chance) / (1 - chance), 3) if chance < 1 else 0.0,
        "judge_good_kept": _share(fault is None for row, _, _, fault in found if row["label"] == "good"),
        "judge_planted_refused": _share(fault is not None for row, _, _, fault in found if row["label"] == "bad"),
        "judge_unreadable": _share(marks == [None] for _, _, marks, _ in found),
    }


def _share(verdicts: Iterable[bool]) -> float:
    held = list(verdicts)
    return round(sum(held) / len(held), 3) if held else 0.0


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--half", choices=("tune", "held"), default="tune", help="of the labelled rows")
    parser.add_argument("--pairs", type=int, default=60, help="good and planted pairs that the judge marks")
    parser.add_argument("--url", help="of an OpenAI-compatible server")
    parser.add_argument("--model", help="that it serves")
    given = parser.parse_args()
    recipe = recipe_of(given.url, given.model)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        with Asker(recipe.llm, lake.url, lake.files) as asker:
            looking = Looking(recipe, asker)
            figures = blind_figures(looking, given.half) | judge_figures(looking, given.half, given.pairs)
            model = asker.endpoint.model
    print(json.dumps({"figures": figures, "model": model}, indent=None if given.json else 1))


if __name__ == "__main__":
    main()
