"""Answers of a model gone wrong: good ones of every stage, mutated, with what servers and models have sent.

Seeded: the same number gives the same answers. Here: texts and finish reasons. Not here: who judges them.
"""

import json
import random
from collections.abc import Callable, Iterator

SEED = "A brown dog sleeps on a red sofa"
CAPTION = (
    "A brown dog with long ears sleeps on a red sofa. Its front paws hang over the edge of the seat. "
    "Two striped cushions lie beside the dog, and a floor lamp with a round shade stands behind the sofa."
)
_CHOICES = [
    {"question": "What color is the sofa?", "answer": "Red", "wrong_options": ["Blue", "White", "Green"]},
    {"question": "What lies beside the dog?", "answer": "Two striped cushions",
     "wrong_options": ["Two round plates", "Two wooden bowls", "Two woolen socks"]},
    {"question": "What stands behind the sofa?", "answer": "A floor lamp",
     "wrong_options": ["A glass door", "A tall plant", "A white shelf"]},
]  # fmt: skip
_FREE = [
    {"question": "Where does the brown dog sleep?", "answer": "The brown dog sleeps on a red sofa."},
    {"question": "What hangs over the edge of the seat?", "answer": "The front paws hang over the edge."},
    {"question": "What stands behind the sofa?", "answer": "A floor lamp with a round shade."},
]
_PROBLEMS = [
    {"question": "How can someone on the red sofa tell that the dog is at rest?",
     "steps": ["A brown dog sleeps on a red sofa.", "Its front paws hang over the edge of the seat."],
     "answer": "The brown dog sleeps and its front paws hang over the edge."}
]  # fmt: skip
GOOD: dict[str, str] = {
    "caption": CAPTION,
    "multiple_choice": json.dumps({"pairs": _CHOICES}),
    "question_answering": json.dumps({"pairs": _FREE}),
    "complex_reasoning": json.dumps({"pairs": _PROBLEMS}),
    "options": json.dumps({"wrong_options": ["A glass door", "A tall plant", "A white shelf"]}),
}

FINISH = ("stop", "length", "", "tool_calls", "content_filter", "refusal", "only_reasoning", "eos_token", "MAX_TOKENS")

SNIPPETS = [
    "\0", "\ud83d", "\udc00\ud83d", "\ufffe", "\u200b", "\u200d", "\ufeff", "\u202e", "\u2066", "\x1b[31m",
    "\x1b]0;t\x07", "\x9b", "\xad", "\u00a0", "\u202f", "\u2028", "\r\n", "\r", "\x85", "e\u0301",
    "\u0301" * 60, "👩‍👩‍👧", "नमस्ते", "שלום", "葛󠄀", "\U000e0041\U000e0042", "&quot;", "&amp;quot;", "&#39;",
    "&#0;", "&#55357;", "&#x200b;", "&#99999999999999999999;", "&lt;b&gt;", "<b>", "</p>", "<image>",
    "<IMG src=x>", "<!--", "<think>", "</think>", "<think>x</think>", "[THINK]", "[/THINK]", "<|im_end|>",
    "<|im_start|>assistant\n", "</s>", "<s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<start_of_turn>",
    "<|channel|>analysis", "<|channel|>final<|message|>", "USER: More.", "ASSISTANT: A drum.", ". Human: no",
    "### Instruction:", "\nAssistant: yes", "user: ", "Here is the JSON:\n", "```json\n", "```", "**", "- ",
    "|", "\\", '\\"', "\\u0000", "\\ud800", "\\x41", "\\u12", '"', "'", "“", "”", '""', "'''", ",", ",,", ":",
    "}", "]", "{", "[", "}]", "{}", "[]", "null", "NaN", "-Infinity", "1e999", "9" * 5000, "true", "None",
    '{"pairs": ', '"pairs": [', '{"question": "Wh', '"answer": 5', '"answer": null', '"options": ["A"]',
    "I'm sorry, but I cannot", "as an AI", "?", "??", ".", "...", " ", "  \n ", "12", "½", "°", "[/]", "[bold]",
    "![x](http://127.0.0.1:9/t.png)", "=cmd|' /C calc'!A0", "St.", "2.", "a man in a", "photographers capture",
    "that that",
]  # fmt: skip

LONG = [
    "[", "{", "[{", '{"a":', '{"pairs":[', '{"pairs": [{"question": "', '"', "'", '"a",', '" , ', "\\", "x",
    "x ", "ing ", "a-", "a'", "A. ", "<", "&", "&#", "<think>", "</think>", "\u0301", "a\u0301\u0327", "\u200d",
    "👩‍", "\x1b[", "1", "1,", "{},", "[],", "the ", "that that ", "\n",
    '{"question": "What is it?", "answer": "A dog"},', "USER: ", "what is the ", "red door ", "., ", "(", "“",
    "！", "\t",
]  # fmt: skip


def hostile(stage: str, number: int) -> tuple[str, str]:
    """The text and finish reason of one answer to `stage`, a key of GOOD."""
    draw = random.Random(f"{stage} {number}")
    text = GOOD[stage]
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 5, 9))):
        text = draw.choice(_MUTATIONS)(draw, text)
    return text[:260_000], draw.choice(FINISH) if draw.random() < 0.3 else "stop"


def answers(stage: str) -> Iterator[tuple[str, str]]:
    """Endless."""
    number = 0
    while True:
        yield hostile(stage, number)
        number += 1


def _span(draw: random.Random, text: str, most: int = 40) -> tuple[int, int]:
    start = draw.randrange(len(text) + 1)
    return start, min(len(text), start + draw.randrange(most))


def _cut(draw: random.Random, text: str) -> str:
    return text[: draw.randrange(len(text) + 1)]


def _insert(draw: random.Random, text: str) -> str:
    at = draw.choice((0, len(text), draw.randrange(len(text) + 1)))
    return text[:at] + draw.choice(SNIPPETS) + text[at:]


def _inside_a_text(draw: random.Random, text: str) -> str:
    """Behind a word, where a record's own words stand."""
    at = max(0, text.find(draw.choice(' "'), draw.randrange(min(len(text), 2000) + 1)))
    return text[:at] + draw.choice(("", " ")) + draw.choice(SNIPPETS) + text[at:]


def _delete(draw: random.Random, text: str) -> str:
    start, end = _span(draw, text)
    return text[:start] + text[end:]


def _again(draw: random.Random, text: str) -> str:
    start, end = _span(draw, text, 200)
    return text[:end] + text[start:end] * draw.randrange(1, 4) + text[end:]


def _swap(draw: random.Random, text: str) -> str:
    old, new = draw.choice(
        [('"', "'"), ('"', "“"), ("}", "]"), (",", ""), (":", "="), ("}]", "},]"), (" ", "\u00a0"), (".", "")]
    )
    return text.replace(old, new, draw.choice((1, 2, -1)))


def _noise(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text) + 1)
    return text[:at] + "".join(chr(draw.randrange(0x11000)) for _ in range(draw.randrange(1, 6))) + text[at + 1 :]


def _frame(draw: random.Random, text: str) -> str:
    before, after = draw.choice(
        [("Sure!\n```json\n", "\n```\nMore?"), ("<think>a {}\n</think>\n", ""), ('"', '"'), ("", "</s>"), ("[", "]")]
    )
    return before + text + after


def _long(draw: random.Random, text: str) -> str:
    if draw.random() < 0.9:  # most answers stay short, so that many can be tried
        return _insert(draw, text)
    piece, at = draw.choice(LONG), draw.randrange(len(text) + 1)
    return text[:at] + piece * (draw.choice((900, 9_000, 59_000, 250_000)) // len(piece)) + text[at:]


_MUTATIONS: list[Callable[[random.Random, str], str]] = [
    _cut, _insert, _inside_a_text, _inside_a_text, _delete, _again, _swap, _noise, _frame, _long,
]  # fmt: skip
