"""The order in which a release is read: fixed by seed and epoch, cut among ranks and workers, resumed to the sample."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError


def order_of(length: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """All numbers below `length`, shuffled. It rests on raw Philox numbers, which no version of numpy changes."""
    raw = np.random.Philox(key=seed, counter=[0, 0, 0, epoch]).random_raw(length)
    return np.argsort(np.atleast_1d(raw), kind="stable")


class ReleaseSampler:
    """Yields (epoch, number), for ReleaseDataset; an epoch's order is cut among `ranks` x `workers` parts.

    So that all parts are equally long, an epoch's last numbers are left out (`drop_last`) or its first come again.
    A finished epoch is followed by the next. Give `workers` only where each worker has a sampler of its own (an
    iterable dataset): a DataLoader over a map-style dataset cuts among its workers itself.
    """

    def __init__(
        self, length: int, *, seed: int = 0, rank: int = 0, ranks: int = 1, worker: int = 0, workers: int = 1,
        shuffle: bool = True, drop_last: bool = False,
    ) -> None:  # fmt: skip
        if not (0 <= rank < ranks and 0 <= worker < workers):
            raise UserError(
                f"rank {rank} of {ranks}, worker {worker} of {workers}: there is no such part",
                "parts are counted from 0",
            )
        self.length, self.seed, self.shuffle, self.drop_last = length, seed, shuffle, drop_last
        self._part, self._parts = rank * workers + worker, ranks * workers
        self.epoch = 0
        self._done = 0  # samples of the epoch that all parts together had before the next iteration begins
        self._current = (0, 0)  # epoch and `_done` of the iteration that began last
        self._given = 0  # what it has yielded

    def __len__(self) -> int:
        """Samples that the next iteration yields."""
        rest = self.length - self._done
        return rest // self._parts if self.drop_last else -(-rest // self._parts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch, done, count = self.epoch, self._done, len(self)
        self._current, self._given = (epoch, done), 0
        order = order_of(self.length, self.seed, epoch) if self.shuffle else np.arange(self.length)
        for turn in range(count):
            number = int(order[(done + turn * self._parts + self._part) % self.length])
            self._given = turn + 1
            yield epoch, number
        if self._current == (epoch, done):
            self.epoch, self._done = epoch + 1, 0

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch; nothing happens when it is this one, so that a resumed one goes on."""
        if epoch != self.epoch:
            self.epoch, self._done = epoch, 0
            self._current, self._given = (epoch, 0), 0

    def state_dict(self, trained: int | None = None) -> dict[str, Any]:
        """Where to go on, the same for all parts.

        `trained`: how many samples this part has trained on since its iteration began. Without it, all that were
        yielded count: a DataLoader with workers asks for samples some batches ahead, so give it there.
        """
        epoch, before = self._current
        done = before + (self._given if trained is None else trained) * self._parts
        left = self.length - done
        if done > before and (left <= 0 or (self.drop_last and left < self._parts)):
            epoch, done = epoch + 1, 0
        return {"seed": self.seed, "epoch": epoch, "done": done, "length": self.length, "shuffle": self.shuffle}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there, also with another number of parts; a UserError when it is of other data."""
        for name in ("length", "seed", "shuffle"):
            if state[name] != getattr(self, name):
                raise UserError(
                    f"the checkpoint's {name} is {state[name]!r}, this sampler's is {getattr(self, name)!r}",
                    "resume with the release and the seed that the run began with",
                )
        self.epoch, self._done = int(state["epoch"]), int(state["done"])
        self._current, self._given = (self.epoch, self._done), 0
