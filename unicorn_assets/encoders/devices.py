"""Which device and which precision an encoder computes with. One process takes one GPU.

Several processes on one machine, each encoding its own partitions, spread over its GPUs: a process locks the first
free one for as long as it lives. CUDA_VISIBLE_DEVICES narrows what torch sees and thereby what can be taken.
"""

import fcntl
import tempfile
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders.protocol import unit_float32
from unicorn_assets.errors import UserError

CPU_BATCH_TOKENS = 2048  # more would leave the processor's cache
GPU_BATCH_TOKENS = 16384

_held: dict[str, TextIOWrapper] = {}  # device -> its open lock file; the kernel unlocks when the process ends


def pick_device(wanted: str) -> str:
    """`cpu` or `cuda:<number>`. `auto` takes a GPU when there is one; UserError for `cuda` where there is none."""
    import torch

    if wanted == "cpu":
        return "cpu"
    if not torch.cuda.is_available():
        if wanted == "cuda":
            raise UserError("encoder.device is cuda, but torch sees no GPU here", "set encoder.device to auto or cpu")
        return "cpu"
    if _held:
        return next(iter(_held))
    numbers = range(torch.cuda.device_count())
    for number in numbers:
        # The number counts visible GPUs only; the UUID is the same for every process.
        if lock := _lock(str(torch.cuda.get_device_properties(number).uuid)):
            _held[f"cuda:{number}"] = lock
            return f"cuda:{number}"
    free = {number: torch.cuda.mem_get_info(number)[0] for number in numbers}
    return f"cuda:{max(numbers, key=lambda number: free[number])}"


def pick_precision(wanted: str, device: str) -> str:
    """`fp32`, `fp16` or `bf16`. `auto`: on a GPU bf16 where it computes in it, else fp16; on a CPU fp32."""
    import torch

    if wanted != "auto":
        return wanted
    if device == "cpu":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def pick_batch_tokens(wanted: int | None, device: str) -> int:
    """Tokens per batch."""
    return wanted or (CPU_BATCH_TOKENS if device == "cpu" else GPU_BATCH_TOKENS)


def sent(values: Any, device: str) -> Any:
    """A tensor on the device. To a GPU it goes from pinned memory while that still computes."""
    return values if device == "cpu" else values.pin_memory().to(device, non_blocking=True)


def fetching(found: Any) -> Callable[[], NDArray[np.float32]]:
    """Rows under way to the CPU, as float32 of unit length. A GPU copies them when it has made them, not when it has
    also made what was sent after them.
    """
    if not found.is_cuda:
        return lambda: unit_float32(found)
    import torch

    here = torch.empty(found.shape, dtype=torch.float32, pin_memory=True)
    here.copy_(found.float(), non_blocking=True)
    done = torch.cuda.Event()  # type: ignore[no-untyped-call]
    done.record(torch.cuda.current_stream(found.device))

    def fetch() -> NDArray[np.float32]:
        done.synchronize()
        return unit_float32(here)

    return fetch


def _lock(name: str) -> TextIOWrapper | None:
    """An open file with an exclusive lock; None when another process has it."""
    file = Path(tempfile.gettempdir(), f"unicorn-assets-{name}.lock").open("a")  # noqa: SIM115 - held while encoding
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
