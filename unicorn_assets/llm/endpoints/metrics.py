"""What a vLLM server says about itself at /metrics (Prometheus text). Not here: showing it."""

import http.client
import re
import time
from dataclasses import dataclass

from unicorn_assets.llm.endpoints.probe import OPENER

_SAMPLE = re.compile(r"^(vllm:[a-z_]+)(?:\{[^\n]*\})? ([-+0-9.eE]+|NaN)", re.MULTILINE)
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class VllmFigures:
    """Sums over a server's engines, `kv_cache_usage` their mean. Counters start at 0 with each start of the server.

    running, waiting: requests at work and in the queue; kv_cache_usage: share of the cache's blocks in use, 0 to 1;
    generation_tokens: tokens written; prefix_cache_hit_share: share of prompt tokens looked up in the prefix cache
    that were there, None before the first. A figure the server does not tell is None.
    """

    running: int | None
    waiting: int | None
    kv_cache_usage: float | None
    generation_tokens: int | None
    prefix_cache_hit_share: float | None


def vllm_metrics(base_url: str, timeout_s: float = 1.0) -> VllmFigures | None:
    """Figures of the vLLM server at `base_url` (an endpoint's, ending in /v1); None when it tells none, never an error.

    Blocks at most about twice `timeout_s` seconds, so call it from a thread that may wait, not from the engine's loop,
    and as often as progress is shown:

        for base_url in endpoint.base_urls:
            figures = vllm_metrics(base_url)

    Read `endpoint.base_urls` anew each time: a server that was restarted has another address. Servers without
    /metrics, or with another's, give None; asking them again costs one short request.
    """
    text = _text(f"{base_url.rstrip('/').removesuffix('/v1')}/metrics", timeout_s)
    return figures_of(text) if text and "vllm:" in text else None


def figures_of(text: str) -> VllmFigures:
    """The figures in a Prometheus text; names as of vLLM 0.32."""
    samples: dict[str, list[float]] = {}
    for name, value in _SAMPLE.findall(text):
        samples.setdefault(name, []).append(float(value))
    asked = sum(samples.get("vllm:prefix_cache_queries_total", []))
    hits = sum(samples.get("vllm:prefix_cache_hits_total", []))
    usage = samples.get("vllm:kv_cache_usage_perc")
    return VllmFigures(
        running=_total(samples.get("vllm:num_requests_running")),
        waiting=_total(samples.get("vllm:num_requests_waiting")),
        kv_cache_usage=sum(usage) / len(usage) if usage else None,
        generation_tokens=_total(samples.get("vllm:generation_tokens_total")),
        prefix_cache_hit_share=hits / asked if asked > 0 else None,
    )


def _total(values: list[float] | None) -> int | None:
    total = sum(values) if values else None
    return round(total) if total is not None and total == total else None  # NaN is no figure


def _text(url: str, timeout_s: float) -> str | None:
    deadline = time.monotonic() + timeout_s
    text = bytearray()
    try:
        with OPENER.open(url, timeout=timeout_s) as response:
            while piece := response.read1(65536):
                text += piece
                if len(text) > _MOST_BYTES or time.monotonic() > deadline:
                    return None
    except (OSError, http.client.HTTPException, ValueError):  # urllib's errors are OSErrors
        return None
    return text.decode("utf-8", "replace")
