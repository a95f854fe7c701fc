"""What a request may cost at most before its answer is there, and what an answer did cost."""

import math
from dataclasses import dataclass

from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.settings import Price
from unicorn_assets.llm.shaping import PLAIN, Shaper
from unicorn_assets.llm.spend.amount import Amount
from unicorn_assets.llm.spend.ledger import cost_usd

TEMPLATE_TOKENS = 64
"""What a chat template may add to the messages."""
LEARNT = 32
"""Answers after which the bound of prompt tokens follows what was seen instead of one token per byte."""
MARGIN = 1.25
DENSEST = 64
"""Bytes per token that no text reaches on average: usage below that is not believed."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a request in flight may cost at most; `size` in bytes of its messages."""

    amount: Amount
    size: int


class Estimate:
    """Bounds on the costs of requests, which grow tighter with the answers that are seen."""

    def __init__(self, price: Price | None = None, shaper: Shaper = PLAIN) -> None:
        self._price, self._shaper = price, shaper
        self._ratio = 0.0  # most prompt tokens per byte so far
        self._seen = 0

    def worst_case(self, request: ChatRequest) -> Held:
        """Most that `request` may cost: its token limit, and its prompt at one token per byte or as learnt so far."""
        messages = self._shaper.messages(request)
        size = sum(len(message["content"].encode("utf-8", "replace")) for message in messages)
        learnt = self._ratio * MARGIN
        prompt = math.ceil(size * (learnt if self._seen >= LEARNT else max(1.0, learnt))) + TEMPLATE_TOKENS
        fields = request.fixed().fields
        limits = [fields.get("max_tokens"), fields.get("max_completion_tokens")]
        completion = max(limit for limit in limits if isinstance(limit, int)) * int(fields.get("n") or 1)
        usd = 0.0
        if self._price is not None:
            usd = max(cost_usd(self._price, prompt, cached, completion) for cached in (0, prompt))
        return Held(Amount(1, prompt + completion, usd), size)

    def learn(self, answer: Answer, size: int) -> None:
        """An answer with known usage to messages of `size` bytes."""
        self._seen += 1
        self._ratio = max(self._ratio, (answer.prompt_tokens - TEMPLATE_TOKENS) / size)

    def cost_of(self, answer: Answer) -> float:
        """USD; 0 without a price."""
        if self._price is None:
            return 0.0
        return cost_usd(self._price, answer.prompt_tokens, answer.cached_tokens, answer.completion_tokens)


def usage_is_known(answer: Answer, prompt_bytes: int = 0) -> bool:
    """Whether the answer says what it cost, and that can be: no prompt is empty, no text needs less than a token for
    each DENSEST bytes.
    """
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    return prompt > 0 and prompt * DENSEST >= prompt_bytes and completion * DENSEST >= len(answer.text)
