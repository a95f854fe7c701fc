"""What the recipe says about vLLM, as the command that starts it and as the name of what it answers with.

Here: finding `vllm`, its arguments and environment, the model's folder, the revision that enters the journal's key.
Not here: running it (vllm.py).
"""

import os
import shutil
import sys
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.llm.settings import EMBEDDED_MODEL, LlmSettings

EXECUTABLE = "UNICORN_VLLM"
"""Environment variable with the path of the `vllm` program."""

_OURS = {
    "--model": "llm.model", "--served-model-name": "llm.model", "--revision": "llm.revision",
    "--tensor-parallel-size": "llm.vllm.tensor_parallel_size", "-tp": "llm.vllm.tensor_parallel_size",
    "--dtype": "llm.vllm.dtype", "--quantization": "llm.vllm.quantization", "-q": "llm.vllm.quantization",
    "--max-model-len": "llm.vllm.max_model_len", "--config": "llm.vllm", "--hf-token": "HF_TOKEN in the environment",
    "--host": "", "--port": "", "--uds": "", "--api-key": "",
}  # fmt: skip
"""Flags that have a key of their own in the recipe, or (empty) that the endpoint chooses itself."""

_CHANGE_ANSWERS = (
    "--chat-template", "--tokenizer", "--hf-overrides", "--hf-config-path", "--generation-config",
    "--override-generation-config", "--kv-cache-dtype", "--lora-modules", "--default-chat-template-kwargs",
    "--reasoning-parser", "--logits-processors", "--structured-outputs-config",
)  # fmt: skip
"""Flags by which the same model gives other answers. Others (memory, batches, logging) do not concern the journal."""

_READ_WHOLE_BYTES = 1 << 20
"""Files of a model up to this size are hashed (configuration, chat template); of larger ones (weights) the size."""


def find_vllm(environment: Mapping[str, str] = os.environ) -> str:
    """Path of the `vllm` program: UNICORN_VLLM, else beside this Python, else on PATH; UserError when there is none."""
    named = environment.get(EXECUTABLE, "").strip()
    if named:
        found = shutil.which(named)
        if found is None:
            raise UserError(f"{EXECUTABLE} is {named}, which is no program.", "give the path of the `vllm` program.")
        return str(Path(found).absolute())
    beside = Path(sys.executable).with_name("vllm")
    found = shutil.which(str(beside)) or shutil.which("vllm")
    if found is None:
        raise UserError(
            "llm.endpoint is vllm, but there is no program `vllm` here.",
            f"install the extra: pip install 'unicorn-assets[vllm]'; or set {EXECUTABLE} to the program of another "
            "environment; or use servers that run elsewhere (llm.endpoint: url).",
        )
    return found


def model_folder(model: str, base: Path) -> Path | None:
    """The local folder that `model` means, or None for the id of a model on the hub.

    A folder is written with a leading `.`, `/` or `~`; a relative one starts at `base`, the recipe's folder.
    """
    if model == EMBEDDED_MODEL:
        raise UserError(
            f"llm.model '{model}' is the embedded model, which vLLM cannot load.",
            "name a model of the hub (organisation/name), or a folder with its files (./name).",
        )
    if model[0] not in "./~":
        return None
    return (base / Path(model).expanduser()).resolve()


def revision_of(settings: LlmSettings, folder: Path | None) -> str:
    """What enters the journal's key beside the model's name: its revision, and every option that changes answers."""
    revision = settings.revision
    if revision is None and folder is not None:
        revision = fingerprint(folder)
    return settings.wire.marked(" ".join([revision or "", *answer_options(settings)]).strip())


def answer_options(settings: LlmSettings) -> list[str]:
    """The options of a server of our own that change answers, as the recipe gives them; none for other endpoints."""
    vllm = settings.vllm
    if settings.endpoint != "vllm":
        return []
    options = [] if vllm.dtype == "auto" else [f"dtype={vllm.dtype}"]
    options += [f"quantization={vllm.quantization}"] if vllm.quantization else []
    return options + _answer_flags(vllm.flags)


def fingerprint(folder: Path) -> str:
    """Hash of a model's files: names, the content of small ones, the size of large ones; weights are not read."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file()] if folder.is_dir() else []
    if not any(path.name == "config.json" for path in files):
        raise UserError(
            f"llm.model: {folder} is no folder of a model: it has no config.json.",
            "give a folder in Hugging Face's format; a relative path starts at the recipe's folder.",
        )
    return digest([[path.name, _content(path)] for path in files if not path.name.startswith(".")], 8)


def _content(path: Path) -> str | int:
    size = path.stat().st_size
    return size if size > _READ_WHOLE_BYTES else blake2b(path.read_bytes(), digest_size=8).hexdigest()


def _answer_flags(flags: tuple[str, ...]) -> list[str]:
    """The flags that change answers, each with its values; of a file that a value names, the content as well."""
    kept: list[str] = []
    keep = False
    for word in flags:
        if word.startswith("-"):
            keep = _name(word).partition(".")[0] in _CHANGE_ANSWERS
        if keep:
            value = Path(word.partition("=")[2] if word.startswith("-") else word)
            kept.append(f"{word}:{_content(value)}" if value.suffix and value.is_file() else word)
    return kept


def serve_command(executable: str, settings: LlmSettings, folder: Path | None, port: int) -> list[str]:
    """`vllm serve` with everything the recipe says; raises UserError about flags that belong elsewhere."""
    vllm = settings.vllm
    command = [
        executable, "serve", str(folder or settings.model), "--served-model-name", settings.model,
        "--host", "127.0.0.1", "--port", str(port), "--dtype", vllm.dtype,
        "--tensor-parallel-size", str(vllm.tensor_parallel_size),
        "--enable-prompt-tokens-details",  # without it the ledger hears nothing of cached prompt tokens
    ]  # fmt: skip
    if settings.revision and folder is None:
        command += ["--revision", settings.revision]
    if vllm.quantization:
        command += ["--quantization", vllm.quantization]
    if vllm.max_model_len:
        command += ["--max-model-len", str(vllm.max_model_len)]
    for word in vllm.flags:
        name = _name(word)
        if word.startswith("-") and name in _OURS:
            where = _OURS[name]
            hint = f"set {where} instead." if where else "remove it: the endpoint chooses it."
            raise UserError(f"llm.vllm.flags must not hold {name}.", hint)
        if word.startswith("-") and " " in name:
            raise UserError(f"llm.vllm.flags: '{word}' is two words.", "write each word as an entry of the list.")
    return [*command, *vllm.flags]


def _name(word: str) -> str:
    """The name of a flag as vLLM spells it: without value, hyphens for underscores."""
    return word.partition("=")[0].replace("_", "-")
