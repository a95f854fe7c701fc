"""A model folder of a stranger, copied by reference into one that holds only what may be read.

open_clip and transformers look for many files and act on what they find. Here they get a folder of ours: a
configuration written anew (model_config.py), weights and vocabularies as links to regular files. Nothing that is
Python is in it, and while it is read nothing that is Python is imported for a model.
"""

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from unicorn_assets.encoders import model_config
from unicorn_assets.errors import UserError
from unicorn_assets.plain_files import open_plain, why

VOCABULARIES = (
    "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt",
    "spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "source.spm",
)  # fmt: skip
MOST_VOCABULARY = 256 << 20
WEIGHTS = (".safetensors", ".bin", ".pth")
_PICKLES = (".bin", ".pth", ".pt", ".ckpt")

Write = Callable[[Path], dict[str, Any]]
"""Reads one file and gives what may be written of it."""


@contextmanager
def vetted(folder: Path, configs: Mapping[str, Write]) -> Iterator[Path]:
    """A temporary folder with `configs` as they may be read, and links to the folder's weights and vocabularies.

    UserError names a file that is not one, is too large, or says what it must not.
    """
    with tempfile.TemporaryDirectory(prefix="unicorn-model-") as made:
        place = Path(made)
        for name, written in configs.items():
            if _there(folder / name):
                (place / name).write_text(json.dumps(written(folder / name)), encoding="utf-8")
        for file in weight_files(folder):
            (place / file.name).symlink_to(file.resolve())
        for name in VOCABULARIES:
            file = folder / name
            if _there(file):
                if file.stat().st_size > MOST_VOCABULARY:
                    raise UserError(f"{file}: larger than {MOST_VOCABULARY >> 20} MiB", "give another model")
                (place / name).symlink_to(file.resolve())
        with no_code():
            yield place


def weight_files(folder: Path) -> list[Path]:
    """The folder's files of weights, each looked at; UserError for one that is no file, or a packed pickle."""
    found = sorted(file for file in folder.iterdir() if file.suffix in WEIGHTS)
    for file in found:
        check_weights(file)
    return found


def check_weights(file: Path) -> None:
    """UserError when a file of weights is not a file, or unpacks to more than its size, which torch never writes."""
    try:
        with open_plain(file) as opened:
            if file.suffix not in _PICKLES or not zipfile.is_zipfile(opened):
                return
            with zipfile.ZipFile(opened) as archive:
                packed = any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist())
                total = sum(info.file_size for info in archive.infolist())
            if packed or total > file.stat().st_size:
                raise UserError(f"{file}: its weights are packed and are not unpacked", "save it again with torch.save")
    except OSError as error:
        raise UserError(f"{file}: {why(error)}", "fetch the folder of the model again") from None
    except (zipfile.BadZipFile, ValueError) as error:
        raise UserError(f"{file}: damaged: {error}", "fetch it again") from None


def weight_index(file: Path) -> dict[str, Any]:
    """The index of weights that lie in several files of one folder; UserError when it names any other place."""
    found = model_config.read_config(file).get("weight_map")
    named = found.values() if isinstance(found, dict) else [None]
    for name in named:
        if not isinstance(name, str) or name != Path(name).name or Path(name).suffix not in WEIGHTS:
            raise UserError(f"{file}: names {name!r}, which is no file of this folder", "fetch the folder again")
    return {"metadata": {}, "weight_map": found}


def stored_bytes(folder: Path) -> int:
    """Bytes of all weights of a folder."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.suffix in WEIGHTS)


@contextmanager
def no_code() -> Iterator[None]:
    """While this lasts, transformers imports no Python file of a model and asks nobody whether it may."""
    from transformers import dynamic_module_utils as modules
    from transformers.integrations import hub_kernels as kernels

    def refuse(*_: Any, **__: Any) -> Any:
        raise UserError("the model asks to run code of its own; none is ever run", "give another model")

    with ExitStack() as stack:
        # All ways to a model's own Python file end in the first of these, whoever asks.
        for module, names in ((modules, ("get_class_in_module", "get_cached_module_file")), (kernels, ("get_kernel",))):
            for name in names:
                if hasattr(module, name):
                    stack.enter_context(_replaced(module, name, refuse))
        stack.enter_context(_replaced(modules, "TIME_OUT_REMOTE_CODE", 0))  # else it asks on the terminal
        yield


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def require_finite(model: Any, where: str) -> None:
    """UserError that names a weight with NaN or Inf in it: every vector would be NaN."""
    import torch

    for name, value in model.state_dict().items():
        if value.is_floating_point() and value.numel():
            low, high = torch.aminmax(value)  # NaN where there is one; no copy of the weights
            if not bool(torch.isfinite(low)) or not bool(torch.isfinite(high)):
                raise UserError(f"{where}: its weight {name} holds NaN or Inf", "fetch the weights again")


def reason_of(error: BaseException) -> str:
    """What a library says, as one short line."""
    text = " ".join(str(error).split())
    if "weights_only" in text or "Weights only" in text:
        return "the file of weights holds more than tensors, so it is not opened"
    return (text if len(text) <= 300 else text[:297] + "...") or type(error).__name__


def _there(file: Path) -> bool:
    """Whether there is something under this name; UserError when it is not a file."""
    if not file.is_symlink() and not file.exists():
        return False
    try:
        open_plain(file).close()
    except OSError as error:
        raise UserError(f"{file}: {why(error)}", "fetch the folder of the model again") from None
    return True
