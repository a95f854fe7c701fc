"""One process takes one GPU; precision and batch size follow the device. No GPU is needed: torch.cuda is pretended."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from unicorn_assets.encoders import devices
from unicorn_assets.errors import UserError


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda number: SimpleNamespace(uuid=f"uuid-{number}"))
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda number: (10 + number, 20))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(devices, "_held", {})
    yield
    for lock in devices._held.values():
        lock.close()


OTHER = """
import sys
from unicorn_assets.encoders.devices import _lock
locks = [_lock(name) for name in sys.argv[1:]]
assert all(locks)
print("locked", flush=True)
sys.stdin.read()
"""


class Other:
    """Another process that holds the locks of some GPUs until it is told to end."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, *names], env={"TMPDIR": str(folder), "PYTHONPATH": ":".join(sys.path)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "locked\n"

    def end(self) -> None:
        self.process.communicate(timeout=30)


def test_each_process_takes_a_gpu_that_no_other_has(two_gpus: None, tmp_path: Path) -> None:
    other = Other(tmp_path, "uuid-0")
    assert devices.pick_device("auto") == "cuda:1" == devices.pick_device("cuda")
    other.end()
    assert devices.pick_device("auto") == "cuda:1"  # a process keeps its GPU
    devices._held.pop("cuda:1").close()
    assert devices.pick_device("auto") == "cuda:0"


def test_more_processes_than_gpus_take_the_one_with_most_free_memory(two_gpus: None, tmp_path: Path) -> None:
    other = Other(tmp_path, "uuid-0", "uuid-1")
    assert devices.pick_device("auto") == "cuda:1"
    other.end()


def test_the_cpu_when_it_is_wanted_or_nothing_else_is_there(monkeypatch: pytest.MonkeyPatch, two_gpus: None) -> None:
    assert devices.pick_device("cpu") == "cpu"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert devices.pick_device("auto") == "cpu"
    with pytest.raises(UserError, match="sees no GPU"):
        devices.pick_device("cuda")


def test_precision_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.pick_precision("auto", "cpu") == "fp32"
    for supported, expected in ((True, "bf16"), (False, "fp16")):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation, s=supported: s)
        assert devices.pick_precision("auto", "cuda:0") == expected
    assert devices.pick_precision("fp32", "cuda:0") == "fp32"


def test_batches_follow_the_device() -> None:
    assert devices.pick_batch_tokens(None, "cpu") == 2048
    assert devices.pick_batch_tokens(None, "cuda:3") == 16384
    assert devices.pick_batch_tokens(100, "cpu") == 100
