"""An OpenAI-compatible server whose answers pass the gates of both stages, now and then after a second draft; and an
encoder that tells which of its captions have strayed from their seeds.
"""

import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from unicorn_assets_tests.llm.faulty_server import FaultyServer

SCENE = "A man in a yellow helmet digs a hole next to a brick house. A shovel leans against the white wall."
PAIRS = [
    {"question": "What color is the helmet of the man?", "answer": "Yellow", "wrong_options": ["Blue", "Red", "Green"]},
    {"question": "What leans against the wall?", "answer": "A shovel", "wrong_options": ["A saw", "A cow", "A cat"]},
]
PLACES = ("river", "market", "station", "harbour", "meadow", "bridge", "garden", "square")
COLOURS = ("red", "blue", "green", "black", "white", "brown", "grey", "purple")
THINGS = ("tram", "dog", "ladder", "fountain", "bicycle", "tent", "horse", "lantern")
IN_FLIGHT = 8
RECIPE = """
name: mine
shard_rows: 40
sources:
  - {name: lines, path: lines.txt}
  - {name: more, path: more.txt}
llm: {endpoint: url, url: URL, model: m, max_drafts: 2, concurrency: IN_FLIGHT%s}
captions:
  gates: {min_words: 8, min_seed_overlap: 0.0, max_faulty_sentences: 1.0, max_repeated_trigrams: 1.0}
near_duplicates: {threshold: 1.0}
instructions:
  share: 0.7
  multiple_choice: {weight: 2, gates: {min_pairs: 1, max_pairs: 2, min_grounding: 0, min_alignment: 0}}
  question_answering: {weight: 1, gates: {min_pairs: 1, max_pairs: 2, min_grounding: 0, min_alignment: 0}}
  complex_reasoning: {weight: 0}
"""


class Scripted(FaultyServer):
    """`messages` counts how often each question was asked. Refused are about a fifth of the drafts, by their seed."""

    def __init__(self, latency: float = 0.0) -> None:
        super().__init__(latency=latency)
        self.messages: Counter[str] = Counter()
        self.prompt_tokens = self.completion_tokens = 0

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        said = json.dumps([body["messages"], body["seed"]])
        self.messages[said] += 1
        text = self.say(body)
        usage = {
            "prompt_tokens": len(said) // 4, "completion_tokens": 5 + len(text) // 4,
            "prompt_tokens_details": {"cached_tokens": 8},
        }  # fmt: skip
        self.prompt_tokens += usage["prompt_tokens"]
        self.completion_tokens += usage["completion_tokens"]
        message = {"role": "assistant", "content": text}
        return web.json_response({"choices": [{"finish_reason": "stop", "message": message}], "usage": usage})

    def say(self, body: dict) -> str:
        draw = body["seed"] % 10
        if "response_format" not in body:
            picks = [(body["seed"] >> shift) % 8 for shift in (0, 3, 6, 9)]
            told = f"A {COLOURS[picks[0]]} {THINGS[picks[1]]} stands near the {PLACES[picks[2]]}"
            return "No." if draw < 2 else f"{SCENE} {told} beside a {THINGS[picks[3]]}." + " Rain falls." * (draw % 2)
        return "no JSON" if draw < 2 else json.dumps({"pairs": PAIRS[: 1 + draw % 2]})

    @property
    def calls(self) -> int:
        return self.messages.total()


def write_recipe(folder, url: str, rows: int = 120, llm: str = "") -> None:
    text = (RECIPE % llm).replace("URL", url).replace("IN_FLIGHT", str(IN_FLIGHT))
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    for name, part in (("lines", rows * 3 // 4), ("more", rows - rows * 3 // 4)):
        lines = [f"{name} {number} near a {PLACES[number % 8]}\n" for number in range(part)]
        (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8")


class Places:
    """An encoder to which two texts are alike when the last places that they name are of the same half of PLACES."""

    dimension = 2

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([np.eye(2)[half(text)] for text in texts], np.float32).reshape(len(texts), 2)


def half(text: str) -> int:
    return PLACES.index([word for word in text.replace(".", " ").split() if word in PLACES][-1]) // 4
