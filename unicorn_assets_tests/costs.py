"""What work costs, told in what other work costs on the same machine at the same moment. No test asserts seconds.

Not here: memory (each test's own).
"""

import gc
import time
from collections.abc import Callable

LEAST_S = 0.005
"""A yardstick below it counts as this much: what is done in no time has no ratio."""
LOOKS_SLOW_S = 0.25
"""Where much is judged, what took less need not be looked at again."""
TRIES = 9


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this thread, without those of the garbage collector."""
    collects = gc.isenabled()
    gc.disable()
    try:
        began = time.thread_time()
        work()
        return time.thread_time() - began
    finally:
        if collects:
            gc.enable()


def costs_at_most(times: float, work: Callable[[], object], yardstick: Callable[[], object]) -> bool:
    """Whether `work` takes at most `times` as long as `yardstick`: the best of up to TRIES of each, taken in turns.

    A busy machine makes a try dear, never cheap; so the first good one decides, and only work that is really too dear
    is done so often.
    """
    best, least = float("inf"), float("inf")
    for _ in range(TRIES):
        least = min(least, seconds(yardstick))
        best = min(best, seconds(work))
        if best <= times * max(least, LEAST_S):
            return True
    return False


def grows_with_length(work: Callable[[str], object], start: str, piece: str, length: int) -> bool:
    """Whether `work` on `start` and then `piece` again and again takes, at `length`, what a quarter of it lets expect.

    Twice as much passes. What grows with the square of the length takes four times as much, and fails.
    """
    many = length // len(piece)
    return costs_at_most(8, lambda: work(start + piece * many), lambda: work(start + piece * (many // 4)))
