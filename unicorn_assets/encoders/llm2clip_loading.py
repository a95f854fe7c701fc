"""The parts of an LLM2CLIP encoder, from two folders, with transformers' own classes: no code of a model is run.

Text encoder: a Llama model with its tokenizer. Adapter: one checkpoint that holds the text adapter, which maps the
mean of Llama's states into the space of images, and a CLIP image tower with its projection into the same space.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unicorn_assets.encoders.hub import HUB, LOCAL_DIR, snapshot
from unicorn_assets.encoders.llm2clip_adapter import text_adapter
from unicorn_assets.encoders.llm2clip_prompt import Prompt
from unicorn_assets.encoders.model_config import (
    least_numbers,
    llama_config,
    refuse_more_than,
    tower_config,
)
from unicorn_assets.encoders.vetting import (
    check_weights,
    reason_of,
    require_finite,
    stored_bytes,
    vetted,
    weight_index,
)
from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_representation import Encoder as EncoderSettings

LLM2CLIP_TEXT = "hf-hub:microsoft/LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned"
LLM2CLIP_ADAPTER = "hf-hub:microsoft/LLM2CLIP-Openai-L-14-336"
_FILES = ("config.json", "tokenizer*.json", "special_tokens_map.json", "*.index.json")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class Parts:
    """A Llama model, its prompt, the text adapter, the image tower (pixels -> vectors), the image's side in pixels."""

    llama: Any
    prompt: Prompt
    adapter: Any
    tower: Any
    image_size: int


def llm2clip_sources(settings: EncoderSettings) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    """(place, revision) of the text encoder, and of the folder with the text adapter and the image tower."""
    return (
        (settings.model or LLM2CLIP_TEXT, settings.revision),
        (settings.adapter or LLM2CLIP_ADAPTER, settings.adapter_revision),
    )


def folders(recipe: Recipe) -> tuple[Path, Path]:
    """Folders of the text encoder and of the adapter; those of the hub are fetched where needed."""
    found = []
    for key, (source, revision) in zip(("model", "adapter"), llm2clip_sources(recipe.encoder), strict=True):
        if source.startswith(HUB):
            folder = snapshot(source.removeprefix(HUB), revision, f"encoder.{key}", _FILES, _WEIGHTS)
        else:
            folder = Path(recipe.locate(source.removeprefix(LOCAL_DIR)))
        if not (folder / "config.json").is_file():
            raise UserError(
                f"encoder.{key}: no config.json in {source if source.startswith(HUB) else folder}",
                "give a model in transformers' layout, as local-dir:<folder> or hf-hub:<id>",
            )
        found.append(folder)
    return found[0], found[1]


def load(recipe: Recipe, device: str, precision: str) -> Parts:
    """Everything in evaluation mode on `device`: Llama and image tower in `precision`, the small adapter in fp32."""
    import torch

    text, adapter = folders(recipe)
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    try:
        with _no_bars():
            llama, prompt = _llama(text, dtype)
            weights = _weights(adapter, ("text_adapter.", "vision_model.", "visual_projection."))
            tower, size = _tower(adapter, weights, dtype)
        mapping = text_adapter(weights, f"encoder.adapter: {adapter.name}")
    except UserError:
        raise
    except Exception as error:  # three libraries that were given a stranger's files
        raise UserError(
            f"cannot load the llm2clip encoder: {reason_of(error)}",
            "check that both folders are complete and of this kind",
        ) from None
    for part, where in ((llama, f"encoder.model: {text}"), (tower, f"encoder.adapter: {adapter}"), (mapping, "")):
        require_finite(part, where or f"encoder.adapter: {adapter}")
    if mapping.width != llama.config.hidden_size:
        raise UserError(
            f"the adapter takes {mapping.width} numbers, the text encoder gives {llama.config.hidden_size}",
            "take the text encoder that encoder.adapter was trained with",
        )
    return Parts(llama.to(device).eval(), prompt, mapping.to(device).eval(), tower.to(device).eval(), size)


def _llama(folder: Path, dtype: Any) -> tuple[Any, Prompt]:
    # The concrete classes ignore what config.json says of code of its own ("auto_map").
    from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

    if not (folder / "tokenizer.json").is_file():
        raise UserError(f"encoder.model: no tokenizer.json in {folder}", "fetch the whole folder of the model")
    # The index of weights in several files; an adapter beside them, which only some installations would add, is left.
    indexes = {file.name: weight_index for file in folder.glob("*.index.json")}
    with vetted(folder, {"config.json": llama_config, **indexes}) as place:
        about = json.loads((place / "config.json").read_text(encoding="utf-8"))
        shape = (about.get(key) for key in ("hidden_size", "num_hidden_layers", "vocab_size"))
        refuse_more_than(least_numbers(*shape), stored_bytes(place), folder / "config.json")
        try:
            config = LlamaConfig.from_pretrained(place, local_files_only=True)
            model, report = LlamaModel.from_pretrained(
                place, config=config, dtype=dtype, local_files_only=True, output_loading_info=True
            )
            prompt = Prompt(PreTrainedTokenizerFast(tokenizer_file=str(place / "tokenizer.json")))
        except UserError:
            raise
        except Exception as error:
            raise RuntimeError(reason_of(error).replace(str(place), str(folder))) from None
    _require_all(report["missing_keys"], folder)
    return model, prompt


def _tower(folder: Path, weights: dict[str, Any], dtype: Any) -> tuple[Any, int]:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    shape = tower_config(folder / "config.json")
    shape["projection_dim"] = weights["visual_projection.weight"].shape[0]
    own = {name: value for name, value in weights.items() if not name.startswith("text_adapter.")}
    least = least_numbers(shape.get("hidden_size"), shape.get("num_hidden_layers"))
    refuse_more_than(least, 8 * sum(value.numel() for value in own.values()), folder / "config.json")
    config = CLIPVisionConfig.from_dict(shape)
    model, report = CLIPVisionModelWithProjection.from_pretrained(
        None, config=config, state_dict=own, dtype=dtype, output_loading_info=True
    )
    _require_all(report["missing_keys"], folder)
    return model, int(config.image_size)


def _weights(folder: Path, prefixes: tuple[str, ...]) -> dict[str, Any]:
    """The folder's tensors whose names start so; from safetensors, or from a pickle that may hold tensors only."""
    import torch
    from safetensors import safe_open

    found: dict[str, Any] = {}
    for file in sorted(folder.glob(_WEIGHTS[0])):
        check_weights(file)
        with safe_open(file, framework="pt") as opened:
            found |= {name: opened.get_tensor(name) for name in opened.keys() if name.startswith(prefixes)}  # noqa: SIM118
    for file in [] if found else sorted(folder.glob(_WEIGHTS[1])):
        check_weights(file)
        try:
            state = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except Exception as error:
            raise UserError(f"{file}: {reason_of(error)}", "fetch it again") from None
        if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
            raise UserError(f"{file}: is no table of named tensors", "fetch it again")
        found |= {str(name): value for name, value in state.items() if str(name).startswith(prefixes)}
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in found):
            raise UserError(f"encoder.adapter: {folder} has no weights named {prefix}*", "check encoder.adapter")
    return found


def _require_all(missing: Iterable[str], folder: Path) -> None:
    if names := sorted(missing):
        raise UserError(
            f"{folder}: {len(names)} weights are missing, such as {names[0]}; they would be random", "fetch it again"
        )


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without transformers' own progress bars and notes; errors still arrive as exceptions."""
    import transformers.utils.logging as notes

    bars, level = notes.is_progress_bar_enabled(), notes.get_verbosity()
    notes.disable_progress_bar()
    notes.set_verbosity_error()
    try:
        yield
    finally:
        notes.set_verbosity(level)
        if bars:
            notes.enable_progress_bar()
