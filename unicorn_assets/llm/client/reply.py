"""What a model said, taken out of what its server sent: no answer at all, thoughts, and marks that end a turn.

An answer in the journal keeps all of it; here it is made what a row judges. The reasons: `model_refused`,
`content_filter`, `tool_call`, `only_reasoning`, `too_long`. Not here: whether the words are any good (that is a row's
`accept`).
"""

import re

from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Rejected
from unicorn_assets.text import storable

_PARSER = "If the server is vLLM, start it with --reasoning-parser (docs/quarantine.md)."
_FILTERED = frozenset(
    ("content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii", "sensitive")
)
_TOOLS = frozenset(("tool_calls", "tool_use", "function_call"))

MOST_CHARACTERS = 60_000
"""Of an answer without its thoughts; gates then take well under a second."""

_NAMES = r"(?:think|thinking|thought|thoughts|reasoning|reflection|seed:think)"
_OPENED = re.compile(
    rf"<{_NAMES}>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|START_THINKING)\|>|<\|channel\|>analysis", re.IGNORECASE
)
_CLOSED = re.compile(
    rf"</{_NAMES}>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|END_THINKING)\|>"
    r"|<\|channel\|>final[^<>]{0,60}<\|message\|>",  # as gpt-oss says that it has done with thinking
    re.IGNORECASE,
)
_TURN_ENDS = (
    "</s>", "<eos>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<|eom_id|>", "<|return|>", "<|endoftext|>",
    "<|end_of_text|>", "<|end_of_turn|>", "<end_of_turn>", "<｜end▁of▁sentence｜>",
)  # fmt: skip
_DOUBTFUL_END = re.compile(r"(?:\d|\b(?:Mr|Mrs|Ms|Dr|St|Mt|No|Jr|Sr|vs|etc|e\.g|i\.e|[A-Za-z]))\.$")


def said(answer: Answer) -> str:
    """The words to judge; raises Rejected when there are none, whatever else the server sent."""
    stopped = answer.finish_reason == "stop"
    if not stopped:
        _refuse_what_is_none(answer)
    text = without_end_of_turn(without_thought(storable(answer.text.replace("\0", ""))))
    if len(text) > MOST_CHARACTERS:
        raise Rejected("too_long", f"{len(text):,} characters; an answer has at most {MOST_CHARACTERS:,}.")
    if not stopped and answer.cut_off and _DOUBTFUL_END.search(text):
        text = text[:-1]  # the limit may have struck inside '2.5' or 'St. Ives': this full stop ends no sentence
    return text


def _refuse_what_is_none(answer: Answer) -> None:
    why = answer.finish_reason.lower()
    if why == "refusal":
        raise Rejected("model_refused", f"The model refused: {' '.join(answer.text.split())[:300]}")
    if why in _FILTERED:
        raise Rejected("content_filter", f"The server's content filter stopped the answer (finish_reason {why}).")
    if why in _TOOLS:
        raise Rejected("tool_call", "Answer in words: a tool was called instead. The server should offer none.")
    if why == "only_reasoning":
        raise Rejected(
            "only_reasoning",
            "There is reasoning and no answer. Think less: raise max_tokens, or switch thinking off "
            "(sampling.extra: chat_template_kwargs).",
        )


def without_thought(text: str) -> str:
    """`text` behind the last thought; a thought whose beginning stands in the prompt's template has only an end.

    Raises Rejected for a thought without an end.
    """
    if not ("<" in text or "◁" in text or "[t" in text or "[T" in text or "[/" in text):
        return text  # how every mark begins: looking for them all takes longer than the rest of a judgement
    ends = [found.end() for found in _CLOSED.finditer(text)]
    rest = text[ends[-1] :].strip() if ends else text
    if _OPENED.search(rest):
        raise Rejected("only_reasoning", f"The thought does not end, so that there is no answer. {_PARSER}")
    return rest


def without_end_of_turn(text: str) -> str:
    """`text` without marks of the end of its turn that stand at its very end; anywhere else they stay, for a gate."""
    bare = text.rstrip()
    for _ in range(3):
        if not bare.endswith(_TURN_ENDS):
            break
        mark = next(mark for mark in _TURN_ENDS if bare.endswith(mark))
        text = bare = bare.removesuffix(mark).rstrip()
    return text
