"""What `sampling.extra` may hold: fields that are sent just as they stand there. Anything else is refused by name."""

import math
from typing import Any

OURS = {
    "model": "set llm.model",
    "messages": "write a prompt of your own",
    "seed": "each row has a seed of its own",
    "response_format": "set llm.wire.response_format",
    "stream": "answers are read whole",
    "best_of": "further answers would be paid for and never read",
    "max_tokens": "set sampling.max_tokens, on which budgets rely",
}
"""Fields that a request gets from elsewhere, or that change how an answer is read; with what to do instead."""

MOST_VALUES = 10_000
DEEPEST = 32


def check_extra(extra: dict[str, Any]) -> None:
    """Raise ValueError in words when a field would not be sent, or not as it stands there."""
    for name in extra:
        if not isinstance(name, str) or not name.strip():
            raise ValueError("names of fields are text")
        if name in OURS:
            raise ValueError(f"{name!r} cannot be given here: {OURS[name]}")
    for name in ("max_completion_tokens", "n"):  # budgets count with them
        number = extra.get(name, 1)
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 1 << 31:
            raise ValueError(f"{name!r} is a whole number from 1")
    left = MOST_VALUES
    waiting = [(value, name, 1) for name, value in extra.items()]
    while waiting:
        value, name, depth = waiting.pop()
        left -= 1
        if left < 0 or depth > DEEPEST:
            raise ValueError(f"{name!r} is too large, or holds itself")
        if isinstance(value, dict):
            for key, child in value.items():
                if isinstance(key, bool) or not isinstance(key, str | int):
                    raise ValueError(f"{name!r} holds a key that is neither text nor a whole number")
                waiting.append((child, name, depth + 1))
        elif isinstance(value, list | tuple):
            waiting += [(child, name, depth + 1) for child in value]
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name!r} holds a number that JSON has not")
        elif not isinstance(value, str | int | float | bool | None):
            raise ValueError(f"{name!r} holds a {type(value).__name__}, which JSON has not: put it in quotes")
