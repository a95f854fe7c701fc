"""What a good model answers: captions and pairs that pass the gates, from the request alone, so anyone can tell which
words of a release are the model's own. Not here: HTTP (listener.py), and what is done to an answer (shapes.py).
"""

import hashlib
import json
import random
import re
from typing import Any

NOUNS = [
    "ladder",
    "lantern",
    "bucket",
    "barrel",
    "bench",
    "crate",
    "basket",
    "chest",
    "rope",
    "wheel",
    "kettle",
    "trolley",
    "stool",
    "drum",
    "pillar",
    "anchor",
    "piano",
    "sundial",
    "compass",
    "violin",
    "mirror",
    "cabinet",
    "teapot",
    "candle",
    "telescope",
    "tripod",
    "ribbon",
    "carpet",
    "hammock",
    "tractor",
    "canoe",
    "mailbox",
    "turnstile",
    "chimney",
    "padlock",
    "shovel",
    "anvil",
    "loom",
    "spindle",
    "trough",
    "haystack",
    "boulder",
    "lighthouse",
    "windmill",
    "signpost",
    "fountain",
]
QUALITIES = [
    "narrow",
    "tall",
    "square",
    "slender",
    "curved",
    "crooked",
    "short",
    "heavy",
    "folded",
    "striped",
    "dotted",
    "woven",
    "carved",
    "varnished",
    "dusty",
    "damp",
    "cracked",
    "knotted",
    "braided",
    "quilted",
    "tiled",
    "panelled",
    "arched",
    "tapered",
    "fluted",
    "ribbed",
    "hollow",
    "weathered",
    "polished",
    "dented",
]
STANDS = ("stands", "leans", "rests", "lies")
WHERE = ("beside", "behind", "above", "near", "below")
PLACES = [
    "courtyard",
    "workshop",
    "harbour",
    "greenhouse",
    "station",
    "vineyard",
    "quarry",
    "laundry",
    "foundry",
    "bakery",
    "museum",
    "arcade",
]
FACT = re.compile(r"A (\w+) (\w+) (stands|leans|rests|lies) (\w+) the (\w+) (\w+)\.")
MOST_SEEDS = 400


def drawn(*key: object) -> random.Random:
    """The same draws for the same key, in any process."""
    return random.Random(hashlib.blake2b(repr(key).encode(), digest_size=8).digest())


def seed_text(number: int) -> str:
    """The text of seed `number`; no two are alike."""
    rng = drawn("seed", number)
    noun = NOUNS[number % len(NOUNS)]
    other = rng.choice([word for word in NOUNS if word != noun])
    return f"A {QUALITIES[number // len(NOUNS) % len(QUALITIES)]} {noun} and a {rng.choice(QUALITIES)} {other}"


NUMBERS = {seed_text(number): number for number in range(MOST_SEEDS)}


def sentences_of(seed: str) -> list[str]:
    """The sentences of the good caption of a seed."""
    rng = drawn("caption", seed)
    nouns = rng.sample([word for word in NOUNS if word not in seed], 8)
    qualities = rng.sample([word for word in QUALITIES if word not in seed], 8)
    told = [f"{seed} stand in a {rng.choice(PLACES)}."]
    for one in range(0, 8, 2):  # two facts stay of a caption that is cut off, enough for a problem
        thing, other = f"{qualities[one]} {nouns[one]}", f"{qualities[one + 1]} {nouns[one + 1]}"
        told.append(f"A {thing} {rng.choice(STANDS)} {rng.choice(WHERE)} the {other}.")
    return told


def caption_of(seed: str) -> str:
    """The good caption of a seed."""
    return " ".join(sentences_of(seed))


def pairs_of(task: str, seed: str, said: str) -> list[dict[str, Any]]:
    """Two good pairs about the caption of a seed that stands somewhere in `said`, for the schema of `task` (choice,
    free, problem).
    """
    facts = list(dict.fromkeys(FACT.findall(said)))[:3]
    whole, rng = caption_of(seed), drawn("pairs", seed)
    nouns = [word for word in NOUNS if word not in whole]
    qualities = [word for word in QUALITIES if word not in whole]
    made: list[dict[str, Any]] = []
    for number, (quality, noun, stands, where, other_quality, other) in enumerate(facts[:2]):
        thing, place = f"{quality} {noun}", f"{other_quality} {other}"
        fact = f"A {thing} {stands} {where} the {place}."
        question = f"What {stands} {where} the {place}?"
        if task == "choice":
            wrong = zip(rng.sample(qualities, 3), rng.sample(nouns, 3), strict=True)
            made.append(
                {"question": question, "answer": f"A {thing}", "wrong_options": [f"A {q} {n}" for q, n in wrong]}
            )
        elif task == "free":
            made.append({"question": question, "answer": fact})
        else:
            beside = facts[(number + 1) % len(facts)]
            because = f"a {beside[0]} {beside[1]} {beside[2]} {beside[3]} the {beside[4]} {beside[5]}"
            made.append(
                {
                    "question": f"How can one tell that the {thing} is {where} the {place}?",
                    "steps": [fact, f"A{because[1:]}."],
                    "answer": f"One can tell because {because}.",
                }
            )
    return made


def task_of(messages: list[dict[str, Any]]) -> str:
    """caption, choice, free or problem: what a request asks for, by the words of its prompt."""
    said = json.dumps(messages)
    signs = {"multiple-choice": "choice", "reasoning problems": "problem", "questions and answers": "free"}
    return next((task for sign, task in signs.items() if sign in said), "caption")


def good_answer(body: dict[str, Any]) -> tuple[str, str, int]:
    """(task, text, number of the seed or -1) for a chat request."""
    messages = body.get("messages") or []
    task = task_of(messages)
    said = "\n".join(str(message.get("content")) for message in messages)
    plain = re.sub(r"[\"']", "", said)  # a caption may have got quotation marks
    seed = next((text for text in NUMBERS if text in plain), "")
    if task == "caption":
        return task, caption_of(seed), NUMBERS.get(seed, -1)
    return task, json.dumps({"pairs": pairs_of(task, seed, said)}), NUMBERS.get(seed, -1)
