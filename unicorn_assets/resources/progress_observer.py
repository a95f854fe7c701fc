"""From the engine's events to a stage's progress. What is shown of it: progress.py and terminal/bars.py."""

import time

from unicorn_assets.generation.asking import Asker
from unicorn_assets.llm.endpoints.metrics import vllm_metrics
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.row import NOT_ASKED
from unicorn_assets.progress import Figures, StageProgress

METRICS_EVERY_S = 15.0


class ProgressObserver:
    """Tells `stage` of rows, tokens and refusals, and where to read what is in flight and spent."""

    def __init__(self, stage: StageProgress, asker: Asker) -> None:
        self._stage, self._asker = stage, asker
        self._fresh: dict[str, bool] = {}
        self._replayed: set[str] = set()
        self._metrics, self._asked_at = "", -METRICS_EVERY_S
        stage.read(self.figures)

    def listen(self, event: Event) -> None:
        """One event of the engine."""
        answer = event.answer
        if event.kind == "answer" and answer is not None:
            self._fresh[event.row_id] = self._fresh.get(event.row_id, False) or not answer.from_journal
            if not answer.from_journal:
                self._stage.advance(0, tokens=answer.completion_tokens)
        elif event.kind == "rejected":
            self._stage.advance(0, rejected=1)
        elif event.reason == NOT_ASKED:
            self._stage.advance(0, **{"not asked": 1})
        elif event.kind in ("accepted", "quarantined"):
            # A row without any answer was asked about in vain: that took its time as well.
            fresh = self._fresh.pop(event.row_id, True)
            # A row_id with a number behind # is a further question about a row that was counted already.
            if "#" not in event.row_id:
                self._stage.advance(1, **{event.kind: 1}, **({} if fresh else {"replayed": 1}))
                if not fresh:
                    self._replayed.add(event.row_id)
        elif event.kind == "taken_up":
            replayed = {"replayed": -1} if event.row_id in self._replayed else {}
            self._replayed.discard(event.row_id)
            self._stage.advance(-1, **{"quarantined" if event.reason else "accepted": -1}, **replayed)

    def figures(self) -> Figures:
        """What the stage shows beside its own counts: requests in flight, money, the server's own figures."""
        found: Figures = {"in flight": self._asker.in_flight}
        cost = self._asker.spent_usd
        if cost is not None:
            found["USD"] = max(0.0, round(cost, 6))
        now = time.monotonic()
        if now - self._asked_at >= METRICS_EVERY_S:  # a bar is drawn ten times a second
            self._asked_at, self._metrics = now, _of_vllm(self._asker.base_urls)
        if self._metrics:
            found["vLLM"] = self._metrics
        return found


def _of_vllm(base_urls: tuple[str, ...]) -> str:
    """What vLLM servers say of themselves, in a few words; empty for other servers."""
    told = [figures for url in base_urls if (figures := vllm_metrics(url)) is not None]
    if not told:
        return ""
    words = [f"{sum(f.running or 0 for f in told):,} running", f"{sum(f.waiting or 0 for f in told):,} waiting"]
    usage = [f.kv_cache_usage for f in told if f.kv_cache_usage is not None]
    hits = [f.prefix_cache_hit_share for f in told if f.prefix_cache_hit_share is not None]
    words += [f"KV cache {max(usage):.0%}"] if usage else []
    words += [f"prefix hits {sum(hits) / len(hits):.0%}"] if hits else []
    return f"({', '.join(words)})"
