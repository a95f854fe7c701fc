"""The LLM of paper_scale.py: a process that writes captions of the paper's length and pairs about them, as a strong
model would, from the request alone and at once. Its first line of output is its address; it ends with its stdin.

Not here: faults (benchmarks/hostile, benchmarks/engine_stress).
"""

import asyncio
import json
import random
import re
import sys
from pathlib import Path

from aiohttp import web

# A line of words.txt each: what a caption is put together of.
COLOURS, SHAPES, THINGS, PLACES, VERBS, WHERE = (
    line.split() for line in (Path(__file__).parent / "words.txt").read_text(encoding="utf-8").splitlines()
)
SENTENCES = 14
FACT = re.compile(r"A (\w+) (\w+) (\w+) (\w+) (\w+) the (\w+)\.")
SEEDS = len(COLOURS) * len(SHAPES) * len(THINGS) * len(PLACES)
STEP = 104_729  # a prime that divides none of the lists' lengths: neighbours differ in every word

Fact = tuple[str, ...]


def seed_text(number: int) -> str:
    """A seed; no two below SEEDS are the same."""
    left = number * STEP % SEEDS
    words = []
    for choice in (COLOURS, SHAPES, THINGS, PLACES):
        left, place = divmod(left, len(choice))
        words.append(choice[place])
    colour, shape, thing, place = words
    return f"A {colour} {shape} {thing} {VERBS[number % 4]} by the {place}."


def caption(seed: str, salt: object) -> str:
    """About 129 words that begin with the seed; no thing and no place comes twice."""
    rng = random.Random(f"{seed} {salt}")
    taken = set(seed.rstrip(".").lower().split())
    things, places = ([word for word in words if word not in taken] for words in (THINGS, PLACES))
    told = [
        f"A {rng.choice(COLOURS)} {rng.choice(SHAPES)} {thing} {rng.choice(VERBS)} {rng.choice(WHERE)} the {place}."
        for thing, place in zip(rng.sample(things, SENTENCES), rng.sample(places, SENTENCES), strict=True)
    ]
    # A domain's seed is a phrase, an open one a sentence.
    begin = seed if seed.endswith(".") else f"{seed[:1].upper()}{seed[1:]} fills the middle of the view."
    return " ".join([begin, *told])


def pair(number: int, found: list[Fact], choice: bool) -> dict[str, object]:
    """A question about one fact."""
    colour, shape, thing, verb, where, place = found[number]
    if number % 2:
        question, answer = f"What colour is the {shape} {thing} {where} the {place}?", colour.capitalize()
        wrong = [other.capitalize() for other in COLOURS if other != colour][number // 2 :][:3]
    else:
        question, answer = f"Which thing {verb} {where} the {place}?", f"The {colour} {shape} {thing}"
        others = [fact for fact in found if fact[2] != thing]
        wrong = [f"The {other[0]} {other[1]} {other[2]}" for other in others[number : number + 3]]
    return {"question": question, "answer": answer} | ({"wrong_options": wrong} if choice else {})


def problem(one: Fact, other: Fact) -> dict[str, object]:
    """Two facts and what follows."""
    said = "The {0} {1} {2} would still be seen, for it {3} {4} the {5}."
    return {
        "question": f"If the {one[2]} were gone, what would still be seen {other[4]} the {other[5]}?",
        "steps": ["A {} {} {} {} {} the {}.".format(*fact) for fact in (one, other)],
        "answer": said.format(*other),
    }


def answer(body: dict[str, object]) -> str:
    """What the model says: a caption of the seed asked about, or pairs about the caption."""
    asked = body["messages"][1]["content"]  # type: ignore[index]
    shape = body.get("response_format")
    if not shape:
        return caption(asked.removeprefix("Seed: ").strip(), body.get("seed"))
    found = FACT.findall(asked)
    schema = json.dumps(shape)
    if '"steps"' in schema:
        return json.dumps({"pairs": [problem(found[row], found[row + 3]) for row in range(3)]})
    return json.dumps({"pairs": [pair(row, found, "wrong_options" in schema) for row in range(8)]})


async def chat(request: web.Request) -> web.Response:
    """The one request that the platform makes."""
    raw = await request.read()
    text = answer(json.loads(raw))
    usage = {"prompt_tokens": len(raw) // 4, "completion_tokens": len(text) // 4}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return web.json_response({"choices": [choice], "usage": usage})


async def models(_: web.Request) -> web.Response:
    """Names of models."""
    return web.json_response({"object": "list", "data": [{"id": "writer"}]})


async def main() -> None:
    """Serve until stdin ends."""
    app = web.Application(client_max_size=1 << 24)
    app.add_routes([web.post("/v1/chat/completions", chat), web.get("/v1/models", models)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
