"""A stand-in for a strong LLM: captions of about 80 words and pairs that hold what the paper's recipe asks of them."""

import json
import random
import re

from unicorn_assets_tests.plan.server import Scripted

COLOURS = ("red", "blue", "green", "black", "white", "brown", "yellow", "purple", "orange", "pink")
THINGS = (
    "tram", "ladder", "fountain", "bicycle", "tent", "lantern", "barrel", "basket", "bench", "kettle", "bucket", "drum",
    "carpet", "mirror", "suitcase", "umbrella", "wheelbarrow", "canoe", "statue", "clock", "piano", "sofa", "rope",
    "cart",
)  # fmt: skip
PLACES = (
    "river", "market", "station", "harbour", "meadow", "bridge", "garden", "gate", "barn", "mill", "church", "pond",
    "fence", "tower", "orchard", "quarry", "chapel", "stable", "windmill", "well", "pier", "cottage", "tunnel", "shed",
)  # fmt: skip
VERBS = ("stands", "lies", "rests", "leans")
WHERE = ("beside", "behind", "near", "before")


def facts(seed: str) -> list[tuple[str, str, str, str, str]]:
    """Nine facts of a seed's picture: colour, thing, verb, preposition, place; no thing and no place comes twice."""
    rng = random.Random(seed)
    things, places = rng.sample(THINGS, 9), rng.sample(PLACES, 9)
    return [
        (rng.choice(COLOURS), thing, rng.choice(VERBS), rng.choice(WHERE), place)
        for thing, place in zip(things, places, strict=True)
    ]


class Strong(Scripted):
    """Answers by what is asked: a caption of a seed, or pairs about a caption."""

    def say(self, body: dict) -> str:
        asked = body["messages"][1]["content"]
        if "response_format" not in body:
            seed = asked.removeprefix("Seed: ").strip().rstrip(".")
            told = [f"A {c} {t} {v} {w} the {p}." for c, t, v, w, p in facts(seed)]
            return " ".join([f"{seed} fills the middle.", *told])
        found = re.findall(r"A (\w+) (\w+) (\w+) (\w+) the (\w+)\.", asked)
        if "steps" in str(body["response_format"]):
            return json.dumps(
                {"pairs": [problem(one, other) for one, other in zip(found[:3], found[3:6], strict=True)]}
            )
        choice = "wrong_options" in str(body["response_format"])
        return json.dumps({"pairs": [pair(i, found, choice) for i in range(min(8, len(found)))]})


def pair(number: int, found: list[tuple[str, ...]], choice: bool) -> dict:
    """A question about one fact."""
    colour, thing, verb, where, place = found[number]
    if number % 2:
        question, answer = f"What colour is the {thing} {where} the {place}?", colour.capitalize()
        wrong = [c.capitalize() for c in COLOURS if c not in {one[0] for one in found}][:3] or []
        wrong += [c.capitalize() for c in COLOURS if c != colour and c.capitalize() not in wrong][: 3 - len(wrong)]
    else:
        question, answer = f"Which thing {verb} {where} the {place}?", f"The {colour} {thing}"
        wrong = [f"The {one[0]} {one[1]}" for one in found if one[1] != thing][:3]
    return {"question": question, "answer": answer} | ({"wrong_options": wrong} if choice else {})


def problem(one: tuple[str, ...], other: tuple[str, ...]) -> dict:
    """Two facts and what follows."""
    steps = [f"A {c} {t} {v} {w} the {p}." for c, t, v, w, p in (one, other)]
    return {
        "question": f"If the {one[1]} were gone, what would still be seen {other[3]} the {other[4]}?",
        "steps": steps,
        "answer": f"The {other[0]} {other[1]} would still be seen, for it {other[2]} {other[3]} the {other[4]}.",
    }
