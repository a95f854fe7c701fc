"""How good the gates are: rows with a known verdict, judged; what passes, what is refused, with which reason, how fast.

The rows lie in unicorn_assets_tests/labelled: written good and bad by people who did not look at the gates, and real
answers of a small model labelled by reading. The half `tune` was looked at while rules were written, `held` was not.
Written rows are judged by the gates for able models (`gates: strong`), a small model's answers by those for it.

    python benchmarks/gates.py [--json] [--half held] [--write]      (half a minute of one CPU core)
    python benchmarks/gates.py --drift          what `drift` refuses, too (the pocket encoder reads for minutes)
    python benchmarks/gates.py --same FILE      with the old gates, then with the new ones: verdict by verdict

`--write` puts the tables of both halves into docs/gates.md, with `drift`.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from unicorn_assets.captions.drift import cosines, reading
from unicorn_assets.captions.gates import caption_of
from unicorn_assets.captions.stage import PROMPTS
from unicorn_assets.curation import words
from unicorn_assets.curation.prose import grams_of
from unicorn_assets.encoders import open_encoder
from unicorn_assets.instructions.rules import rules_of
from unicorn_assets.llm.row import Rejected
from unicorn_assets.recipe import Recipe

ROOT = Path(__file__).parent.parent
LABELLED = ROOT / "unicorn_assets_tests" / "labelled"
PAGE = ROOT / "docs" / "gates.md"
TASKS = ("multiple_choice", "question_answering", "complex_reasoning")
Row = dict[str, Any]


def recipe_of(profile: str) -> Recipe:
    """A recipe with the profile's gates, and room for the paper's longest captions."""
    base = {"name": "gates", "sources": [{"name": "a", "path": "a.txt"}], "llm": {"endpoint": "embedded"}}
    words = {
        "captions": {
            "gates": {"min_words": 51, "max_words": 490}
            if profile == "strong"
            else {"min_words": 18, "min_seed_overlap": 0.6}
        }
    }
    return Recipe.model_validate({**base, **words, "gates": profile})


RECIPES = {profile: recipe_of(profile) for profile in ("strong", "small")}
GRAMS = {
    profile: grams_of((PROMPTS / f"{prompt}.md").read_text("utf-8"))
    for profile, prompt in (("strong", "dense"), ("small", "short"))
}


def rows(kind: str, half: str) -> list[Row]:
    """The labelled rows of a file."""
    return [json.loads(line) for line in (LABELLED / half / f"{kind}.jsonl").read_text("utf-8").splitlines()]


def verdict(row: Row, profile: str) -> str | None:
    """The reason code that the gates give; `trimmed` for a caption that lost words, None for a row that passes."""
    recipe = RECIPES[profile]
    if row["stage"] == "caption":
        try:
            kept = caption_of(row["text"], row["seed"], recipe.captions.gates, GRAMS[profile])
        except Rejected as refused:
            return refused.reason
        return None if kept == row["text"] else "trimmed"
    rules = rules_of(row["stage"])
    fault = rules.fault_of(
        rules.pair.model_validate(row["pair"]), row["caption"], recipe.instructions.task(row["stage"]).gates
    )
    return fault.reason if fault else None


def verdicts() -> dict[str, Any]:
    """Every labelled row's verdict by both profiles, in full: the caption that is kept, or the fault and what it says.

    Two versions of the gates that ought to judge alike, such as a faster one, are compared by these.
    """
    found: dict[str, Any] = {}
    for path in sorted(LABELLED.glob("*/*.jsonl")):
        for row in map(json.loads, path.read_text("utf-8").splitlines()):
            for profile, recipe in RECIPES.items():
                found[f"{path.parent.name} {row['id']} {profile}"] = _in_full(row, recipe, GRAMS[profile])
    return found


def _in_full(row: Row, recipe: Recipe, grams: frozenset[tuple[str, ...]]) -> Any:
    if row["stage"] == "caption":
        try:
            return caption_of(row["text"], row["seed"], recipe.captions.gates, grams)
        except Rejected as refused:
            return [refused.reason, refused.detail]
    rules = rules_of(row["stage"])
    gates = recipe.instructions.task(row["stage"]).gates
    return rules.fault_of(rules.pair.model_validate(row["pair"]), row["caption"], gates)


def compared(path: Path) -> int:
    """How many verdicts are not as the file says, which is written if it is not there; says which, of `tune` alone."""
    found = json.loads(json.dumps(verdicts()))
    if not path.exists():
        path.write_text(json.dumps(found), "utf-8")
        return 0
    kept = json.loads(path.read_text("utf-8"))
    other = [name for name in kept.keys() | found.keys() if kept.get(name) != found.get(name)]
    for name in sorted(name for name in other if name.startswith("tune")):
        print(f"{name}: {kept.get(name)} -> {found.get(name)}")
    print(f"{len(other)} of {len(found)} verdicts differ")
    return len(other)


def share(verdicts: Iterable[bool]) -> dict[str, Any]:
    """A share with its 95 % interval by Wilson's score."""
    held = list(verdicts)
    n, k, z = len(held), sum(held), 1.96
    middle, half = (k + z * z / 2) / (n + z * z), z * ((k * (n - k) / n + z * z / 4) ** 0.5) / (n + z * z)
    return {"share": round(k / n, 3), "low": round(middle - half, 3), "high": round(middle + half, 3), "rows": n}


def quality(half: str) -> dict[str, Any]:
    """What passes and what is refused of one half."""
    found: dict[str, Any] = {}
    good = {kind: [verdict(row, "strong") for row in rows(f"good_{kind}", half)] for kind in ("captions", "pairs")}
    found["good_captions_pass"] = share(reason is None for reason in good["captions"])
    found["good_pairs_pass"] = share(reason is None for reason in good["pairs"])
    planted = [row for kind in ("captions", "pairs") for row in rows(f"planted_{kind}", half)]
    said = [verdict(row, "strong") for row in planted]
    found["planted_faults_refused"] = share(reason in row["reasons"] for row, reason in zip(planted, said, strict=True))
    found["planted_faults_refused_for_any_reason"] = share(reason not in (None, "trimmed") for reason in said)
    real = [row for kind in ("captions", "pairs") for row in rows(f"real_{kind}", half)]
    passed = [(row, verdict(row, "small") in (None, "trimmed")) for row in real]
    for stage, of_stage in (("captions", ("caption",)), ("pairs", TASKS)):
        found[f"real_{stage}_good_pass"] = share(
            ok for row, ok in passed if row["label"] == "good" and row["stage"] in of_stage
        )
        found[f"real_{stage}_bad_refused"] = share(
            not ok for row, ok in passed if row["label"] == "bad" and row["stage"] in of_stage
        )
    return {"shares": found, "gates": gates_of([*rows("good_captions", half), *rows("good_pairs", half), *planted],
                                               [*good["captions"], *good["pairs"], *said])}  # fmt: skip


LEAST = {"narrow": 0.2, "photo": 0.25}
"""By width of the pocket encoder, the least cosine of `drift`; chosen on `tune`."""


def drift(half: str) -> dict[str, Any]:
    """By width of the pocket encoder: which captions that were written good have drifted, and which that were planted
    with another seed than their own.
    """
    paths = [path for path in (LABELLED / half).glob("*_captions.jsonl") if not path.name.startswith("real_")]
    written = [json.loads(line) for path in sorted(paths) for line in path.read_text("utf-8").splitlines()]
    good = [row for row in written if row["label"] == "good"]
    lost = [row for row in written if row.get("fault") == "lost_seed"]
    found: dict[str, Any] = {}
    for width, least in LEAST.items():
        recipe = Recipe.model_validate(
            {**RECIPES["strong"].model_dump(), "drift": {"min_cosine": least, "encoder": {"width": width}}}
        )
        encoder = open_encoder(reading(recipe))
        for name, those in (("lost_seeds", lost), ("good_captions", good)):
            texts = [row["seed"] for row in those], [row["text"] for row in those]
            far = cosines(*texts, least, encoder) < least
            found[f"{name}_refused_by_drift_{width}_{least:g}"] = share(map(bool, far))
    return found


def gates_of(judged: list[Row], said: list[str | None]) -> dict[str, Any]:
    """By reason code: rows that it refused, for how many it was right, and planted rows that ask for it."""
    refused = Counter(reason for reason in said if reason)
    right = Counter(
        reason for row, reason in zip(judged, said, strict=True) if reason and reason in row.get("reasons", ())
    )
    wanted, got = Counter[str](), Counter[str]()
    for row, reason in zip(judged, said, strict=True):
        if row["label"] == "bad":
            wanted[row["reasons"][0]] += 1
            got[row["reasons"][0]] += reason in row["reasons"]
    return {
        reason: {
            "refused": refused[reason], "right": right[reason], "planted": wanted[reason], "found": got[reason],
        }
        for reason in sorted({*refused, *wanted})
    }  # fmt: skip


def missed(half: str) -> list[str]:
    """Which rows were judged otherwise than labelled, for a person who reads `tune`."""
    lines = []
    for kind in ("good_captions", "good_pairs", "planted_captions", "planted_pairs"):
        for row in rows(kind, half):
            reason = verdict(row, "strong")
            if reason not in row.get("reasons", (None,)):
                lines.append(f"{row['id']} {row['stage']} {row.get('fault', 'good')}: {reason}")
    return lines


def speed() -> dict[str, float]:
    """Judged a second of one core: captions of about 129 words, records of seven pairs of each task.

    A record is a caption that nobody has read with seven pairs of its own. The labelled captions have one to three, so
    that its time is that of a first pair and six times that of a further one. `mixed`: seven pairs of several captions
    judged by the first one's, as this was measured before; most of them are refused early, which costs less.
    """
    texts = [row for half in ("tune", "held") for row in rows("good_captions", half)]
    near = sorted(texts, key=lambda row: abs(len(row["text"].split()) - 129))[:80]
    found = {
        "caption_gates_rows_per_s_core": round(
            1 / _seconds([lambda row=row: verdict(row, "strong") for row in near]), 1
        )
    }
    pairs = [row for half in ("tune", "held") for row in rows("good_pairs", half)]
    for task in TASKS:
        rules, gates = rules_of(task), RECIPES["strong"].instructions.task(task).gates
        own = [(row["caption"], rules.pair.model_validate(row["pair"])) for row in pairs if row["stage"] == task]
        calls = [lambda caption=caption, pair=pair: rules.fault_of(pair, caption, gates) for caption, pair in own]  # noqa: B023
        captions = [caption for caption, _ in own]
        first = [call for at, call in enumerate(calls) if captions[at] not in captions[:at]]
        further = [call for at, call in enumerate(calls) if captions[at] in captions[:at]]
        found[f"{task}_records_per_s_core"] = round(1 / (_seconds(first) + 6 * _seconds(further, first)), 1)
        mixed = [own[at : at + 7] for at in range(0, len(own) - 6, 7)]
        records = [
            lambda record=record: [rules.fault_of(pair, record[0][0], gates) for _, pair in record]  # noqa: B023
            for record in mixed
        ]
        found[f"{task}_mixed_records_per_s_core"] = round(1 / _seconds(records), 1)
    found["pair_gates_records_per_s_core"] = min(found[f"{task}_records_per_s_core"] for task in TASKS)
    return found


def _seconds(calls: list[Callable[[], Any]], before: list[Callable[[], Any]] | None = None) -> float:
    """CPU seconds of a call in the mean, made one after the other as a run does, on texts that only those `before` have
    read; the best of seven rounds.
    """
    best = float("inf")
    for _ in range(7):
        _forget()
        for call in before or ():
            call()
        begun = time.process_time()
        for call in calls:
            call()
        best = min(best, time.process_time() - begun)
    return best / len(calls)


def _forget() -> None:
    """Forget every text that a gate has read, but no word."""
    rooms = ("unicorn_assets.curation", "unicorn_assets.captions", "unicorn_assets.instructions")
    modules = [module for name, module in sys.modules.items() if name.startswith(rooms)]
    for function in [found for module in modules for found in vars(module).values()]:
        if getattr(function, "__name__", "") not in ("schema", "_beginnings") and hasattr(function, "cache_clear"):
            words_alone = function.cache_parameters()["maxsize"] is None
            if not words_alone:
                function.cache_clear()
    words._WHOLE.clear()


def page(found: dict[str, Any]) -> None:
    """The tables of docs/gates.md."""
    lines = ["| what | tune | held |", "|---|---|---|"]
    for name in found["tune"]["shares"]:
        cells = [found[half]["shares"][name] for half in ("tune", "held")]
        lines.append(
            f"| {name.replace('_', ' ')} | "
            + " | ".join(f"{c['share']:.1%} ({c['low']:.1%} to {c['high']:.1%}) of {c['rows']}" for c in cells)
            + " |"
        )
    lines += [
        "",
        "Held half, by reason: rows that it refused, for how many of them it was right; planted rows that ask for it",
        "first, how many of them were refused rightly.",
        "",
        "| reason | refused | rightly | planted | found |",
        "|---|---|---|---|---|",
    ]
    for reason, of in found["held"]["gates"].items():
        lines.append(f"| `{reason}` | {of['refused']} | {of['right']} | {of['planted']} | {of['found']} |")
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition("<!-- figures: python benchmarks/gates.py --write -->\n")
    _, _, after = rest.partition("<!-- end -->")
    middle = "\n".join(lines)
    PAGE.write_text(
        f"{before}<!-- figures: python benchmarks/gates.py --write -->\n\n{middle}\n\n<!-- end -->{after}", "utf-8"
    )


def main() -> None:
    """Measure, print, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--half", choices=("tune", "held"), default="held", help="which half the figures are of")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/gates.md")
    parser.add_argument("--drift", action="store_true", help="measure `drift`, too")
    parser.add_argument("--missed", action="store_true", help="list the rows of `tune` that are judged otherwise")
    parser.add_argument("--same", type=Path, help="compare every verdict with those of a file; 1 if one differs")
    given = parser.parse_args()
    if given.same:
        sys.exit(compared(given.same) > 0)
    if given.missed:
        print("\n".join(missed("tune")))
        return
    found = {half: quality(half) for half in ("tune", "held")}
    if given.write or given.drift:
        for half, of in found.items():
            of["shares"] |= drift(half)
    if given.write:
        page(found)
    shares = found[given.half]["shares"]
    figures = {name: value["share"] for name, value in shares.items()} | speed()
    print(
        json.dumps(
            {"figures": figures, "shares": shares, "gates": found[given.half]["gates"]},
            indent=None if given.json else 1,
        )
    )


if __name__ == "__main__":
    main()
