"""Answer shapes: HTTP 200 with a well-formed completion whose message, finish reason or usage is odd, as those of real
servers and models are. A shape takes the good text and gives the reply. Not here: transport (wire_faults.py).
"""

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

Reply = dict[str, Any]  # content or other keys of the message; `finish`, `usage` and `top` of the completion
Shape = Callable[[str, bool], Reply]  # the good text, and whether it is JSON with pairs

EVIL = "\x1b]0;OWNED\x07\x1b[31mred\x1b[0m \u202eexe.gnp \u200bzero <script>alert(1)</script> [/] [bold] [link=x]"
SPLIT = (" leans ", " stands ", " rests ", " lies ")
USAGE = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}


def in_text(change: Callable[[str], str]) -> Shape:
    """A shape that changes every text a reader would see: the caption, or each answer in the pairs."""

    def shape(text: str, pairs: bool) -> Reply:
        if not pairs:
            return {"content": change(text)}
        found = json.loads(text)
        for pair in found["pairs"]:
            pair["answer"] = change(pair["answer"])
        return {"content": json.dumps(found, ensure_ascii=False)}

    return shape


def around(before: str, after: str = "") -> Shape:
    """The whole content with something before and after it."""
    return lambda text, pairs: {"content": before + text + after}


def inside(mark: str) -> Callable[[str], str]:
    """A mark between two words of a text."""

    def change(text: str) -> str:
        words = text.split(" ")
        middle = max(1, len(words) // 2)
        return (
            " ".join([*words[:middle], mark + words[middle], *words[middle + 1 :]]) if len(words) > 1 else text + mark
        )

    return change


def cut(share: float, finish: str | None) -> Shape:
    """Cut off after a share of the characters."""
    return lambda text, pairs: {"content": text[: int(len(text) * share)], "finish": finish}


def message(**fields: Any) -> Shape:
    """A message without content."""
    return lambda text, pairs: {"content": None, **fields}


def usage(value: Any) -> Shape:
    """The good text with another usage."""
    return lambda text, pairs: {"content": text, "usage": value}


def _single_quotes(text: str, pairs: bool) -> Reply:
    return {"content": str(json.loads(text)) if pairs else text}


def _bare_array(text: str, pairs: bool) -> Reply:
    return {"content": json.dumps(json.loads(text)["pairs"]) if pairs else text}


def _tool(text: str, pairs: bool) -> Reply:
    call = {"id": "1", "type": "function", "function": {"name": "answer", "arguments": text}}
    return {"content": None, "tool_calls": [call], "finish": "tool_calls"}


def _spaces(text: str) -> str:
    return text.replace(" ", "\u00a0", 1).replace(" the ", "\u202fthe\u2009")


def _parts(*kinds: str) -> Shape:
    def shape(text: str, pairs: bool) -> Reply:
        known = {
            "thinking": {"type": "thinking", "thinking": [{"type": "text", "text": "first I think"}]},
            "text": {"type": "text", "text": text},
            "half": {"type": "text", "text": text[: len(text) // 2]},
            "rest": {"type": "text", "text": text[len(text) // 2 :]},
            "image": {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x.png"}},
        }
        return {"content": [known[kind] for kind in kinds]}

    return shape


THOUGHT = '<think>\nThe user wants {"pairs": []}. A gate leans.\n</think>\n\n'
SHAPES: dict[str, Shape] = {
    "think": around(THOUGHT),
    "think-tail": around("So first I think about it.\n</think>\n\n"),
    "think-open": around("", "\n<think>And now I wonder about the gate"),
    "thinking-tag": around("<thinking>Hm.</thinking>\n"),
    "think-only": lambda text, pairs: {"content": f"<think>{text}</think>"},
    "think-cut": lambda text, pairs: {"content": f"<think>{text}", "finish": "length"},
    "reasoning": lambda text, pairs: {"content": text, "reasoning_content": "I think", "reasoning": "I think"},
    "reasoning-only": lambda text, pairs: {"content": None, "reasoning_content": text, "finish": "length"},
    "fences": around("```json\n", "\n```"),
    "fences-plain": around("```\n", "\n```"),
    "fence-open": around("```json\n"),
    "chatty": around("Sure! Here is the JSON you asked for:\n\n```json\n", "\n```\nLet me know if you want more."),
    "preamble": around("Here is a caption:\n\n"),
    "trailing-talk": around("", "\n\nI hope this helps!"),
    "trailing-comma": lambda text, pairs: {"content": text.replace("}]}", "},],}")},
    "single-quotes": _single_quotes,
    "bare-array": _bare_array,
    "two-objects": lambda text, pairs: {"content": f"{text}\n{text}" if pairs else text},
    "cut-length": cut(0.7, "length"),
    "cut-stop": cut(0.7, "stop"),
    "cut-null": cut(0.7, None),
    "cut-early": cut(0.2, "length"),
    "cut-late": cut(0.97, "length"),
    "cut-mid": cut(0.45, "stop"),
    "cut-closed": lambda text, pairs: {
        "content": text[: int(len(text) * 0.6)] + ('"}]}' if pairs else ""),
        "finish": "length",
    },
    "length-whole": lambda text, pairs: {"content": text, "finish": "length"},
    "parts-thinking": _parts("thinking", "text"),
    "parts-text": _parts("text"),
    "parts-halves": _parts("half", "rest"),
    "parts-image": _parts("image", "text"),
    "parts-none": _parts(),
    "content-number": lambda text, pairs: {"content": 17},
    "content-object": lambda text, pairs: {"content": {"text": text}},
    "content-deep": lambda text, pairs: {"content": [[[[text]]]]},
    "tool-calls": _tool,
    "null": message(finish="content_filter"),
    "refusal-field": message(refusal="I can't help with that."),
    "filtered": lambda text, pairs: {"content": text[: len(text) // 2], "finish": "content_filter"},
    "empty": lambda text, pairs: {"content": ""},
    "blank": lambda text, pairs: {"content": " \n\t "},
    "refuses": lambda text, pairs: {"content": "I'm sorry, but I cannot help with that."},
    "nfd": in_text(
        lambda text: unicodedata.normalize("NFD", text.replace("damp", "damp\u00e9").replace("damp\u00e9", "damp"))
    ),
    "zwsp": in_text(inside("\u200b")),
    "zwj": in_text(inside("\u200d")),
    "bom": around("\ufeff"),
    "soft-hyphen": in_text(inside("\u00ad")),
    "odd-spaces": in_text(_spaces),
    "roles": around("ASSISTANT: "),
    "role-tail": in_text(lambda t: t + " USER: More. ASSISTANT: A drum."),
    "role-lower": in_text(lambda t: t + " user: More. assistant: A drum."),
    "role-hash": in_text(lambda t: t + " ### Human: More."),
    "chatml": around("", "<|im_end|>"),
    "chatml-in": in_text(lambda t: t[:-1] + " <|im_start|>user more."),
    "llama": around("", "<|eot_id|>"),
    "inst": in_text(lambda t: t[:-1] + " [/INST]."),
    "inst-open": in_text(lambda t: "[INST] " + t),
    "eos": around("", "</s>"),
    "gemma": around("", "<end_of_turn>"),
    "endoftext": in_text(lambda t: t + "<|endoftext|> Next."),
    "image-mark": in_text(inside("<image> ")),
    "quoted": around('"', '"'),
    "crlf": around("", "\r\n"),
    "nul": in_text(inside("\x00")),
    "ansi": in_text(inside("\x1b[31m")),
    "bell": in_text(inside("\x07")),
    "c1": in_text(inside("\x9b31m")),
    "bidi": in_text(inside("\u202e")),
    "isolate": in_text(inside("\u2066")),
    "entity": in_text(lambda t: re.sub(r"^A (\w+)", r"A &quot;\1&quot;", t)),
    "entity-number": in_text(inside("&#39;")),
    "entity-double": in_text(inside("&amp;quot;")),
    "tags": in_text(inside("<b>")),
    "evil": in_text(lambda t: f"{EVIL} {t}"),
    "evil-end": in_text(lambda t: f"{t} {EVIL}"),
    "surrogate": in_text(inside("\ud83d")),
    "surrogate-end": around("", " \ud83d"),
    "private-use": in_text(inside("\ue000")),
    "noncharacter": in_text(inside("\uffff")),
    "replacement": in_text(inside("\ufffd")),
    "markup": in_text(inside("[/] [bold]")),
    "long-word": lambda text, pairs: {"content": "A " + "x" * 200_000},
    "long-line": lambda text, pairs: {"content": (text + " ") * 300},
    "brackets-900": lambda text, pairs: {"content": "[" * 900},
    "brackets-2000": lambda text, pairs: {"content": "[" * 2000},
    "braces-deep": lambda text, pairs: {"content": '{"pairs":' * 1500},
    "brackets-closed": lambda text, pairs: {"content": "[" * 1200 + "]" * 1200},
    "pairs-nan": lambda text, pairs: {"content": '{"pairs": NaN}'},
    "pairs-number": lambda text, pairs: {"content": '{"pairs": 1e999}'},
    "pairs-bigint": lambda text, pairs: {"content": '{"pairs": [' + "9" * 5000 + "]}"},
    "pairs-null": lambda text, pairs: {"content": '{"pairs": [null, {"question": null, "answer": []}]}'},
    "pairs-lone": lambda text, pairs: {"content": '{"pairs": [{"question": "\\ud800 what?", "answer": "\\ud800'},
    "other-language": lambda text, pairs: {"content": "\u4e00\u53ea\u732b\u5750\u5728\u684c\u5b50\u4e0a\u3002" * 5},
    "usage-none": usage(None),
    "usage-zero": usage({"prompt_tokens": 0, "completion_tokens": 0}),
    "usage-list": usage([USAGE]),
    "usage-missing": usage("left out"),
    "usage-text": usage({"prompt_tokens": "many", "completion_tokens": []}),
    "usage-huge": usage({"prompt_tokens": 10**30, "completion_tokens": 10**30}),
    "usage-negative": usage({"prompt_tokens": -7, "completion_tokens": -9}),
    "usage-inf": usage({"prompt_tokens": 1e999, "completion_tokens": 1}),
    "usage-nan": usage({"prompt_tokens": float("nan"), "completion_tokens": 1}),
    "usage-true": usage({"prompt_tokens": True}),
    "usage-float": usage({"prompt_tokens": 60.5, "completion_tokens": 40.0}),
    "usage-cached": usage({**USAGE, "prompt_tokens_details": {"cached_tokens": 10**12}}),
    "usage-details-list": usage({**USAGE, "prompt_tokens_details": [1]}),
    "finish-number": lambda text, pairs: {"content": text, "finish": 7},
    "finish-odd": lambda text, pairs: {"content": text, "finish": EVIL},
    "role-odd": lambda text, pairs: {"content": text, "role": "user"},
    "choices-two": lambda text, pairs: {"content": text, "top": {"n": 2}},
    "error-in-200": lambda text, pairs: {"content": text, "top": {"error": {"message": "overloaded", "code": 529}}},
}


def completion(reply: Reply, model: str = "stub") -> bytes:
    """The body of a chat completion with this reply; lone surrogates, NaN and infinities go out as such servers do."""
    reply = dict(reply)
    finish, used, top = reply.pop("finish", "stop"), reply.pop("usage", USAGE), reply.pop("top", {})
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **reply}}
    whole = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": used,
        **top,
    }
    if used == "left out":
        del whole["usage"]
    return json.dumps(whole).replace(": Infinity", ": 1e999").encode()
