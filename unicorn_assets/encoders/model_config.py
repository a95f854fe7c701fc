"""What a model folder of a stranger may say in its configuration: keys by allow-list, numbers within bounds.

open_clip and transformers hand on what a configuration says: to constructors, to other files, to the network, and to
an importer of Python files. So what is handed on is written anew from what is known here. Not here: files (vetting.py).
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.plain_files import read_plain, why

MOST_BYTES = 16 << 20  # of a configuration
_HUB_ID = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?")
_TIMM_NAME = re.compile(r"[\w.-]{1,128}")
_TOKENIZER_CLASS = re.compile(r"[A-Za-z0-9]{1,80}")

CODE = ("trust_remote_code", "auto_map", "custom_pipelines")
"""Keys by which a configuration asks to run code, wherever in it they are."""

_TOP = {
    "embed_dim", "vision_cfg", "text_cfg", "multimodal_cfg", "quick_gelu", "custom_text", "init_logit_scale",
    "init_logit_bias", "nonscalar_logit_scale", "output_dict",
}  # fmt: skip
_BLOCKS = {
    "width", "layers", "mlp_ratio", "ls_init_value", "pool_type", "output_tokens", "act_kwargs", "norm_kwargs",
    "final_ln_after_pool", "block_type", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner",
    "scale_attn", "scale_fc",
}  # fmt: skip
_VISION = _BLOCKS | {
    "head_width", "patch_size", "image_size", "patch_dropout", "attentional_pool", "attn_pooler_queries",
    "attn_pooler_heads", "no_ln_pre", "pos_embed_type", "timm_model_name", "timm_model_pretrained", "timm_pool",
    "timm_proj", "timm_proj_bias", "timm_drop", "timm_drop_path",
}  # fmt: skip
_TEXT = _BLOCKS | {
    "context_length", "vocab_size", "hf_tokenizer_name", "tokenizer_mode", "tokenizer_kwargs", "heads", "embed_cls",
    "pad_id", "eos_id", "no_causal_mask", "proj_bias", "proj_type", "hf_model_name", "hf_model_pretrained",
    "hf_proj_type", "hf_pooler_type",
}  # fmt: skip
_MULTIMODAL = _TEXT | {"attn_pooler_heads", "dim_head", "n_queries"}
_INSIDE = {
    "vision_cfg": _VISION,
    "text_cfg": _TEXT,
    "multimodal_cfg": _MULTIMODAL,
    "act_kwargs": {"approximate"},
    "norm_kwargs": {"eps"},
    "tokenizer_kwargs": {"clean", "strip_sep_token", "language"},
}
_PREPROCESS = {"size", "mode", "mean", "std", "interpolation", "resize_mode", "fill_color"}
_MOST = {"layers": 512, "context_length": 8192, "image_size": 4096, "size": 4096, "vocab_size": 1 << 24}
_MOST_NUMBER = 1 << 17

_LLAMA = {
    "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "head_dim", "hidden_act", "max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_scaling",
    "rope_parameters", "vocab_size", "attention_bias", "mlp_bias", "bos_token_id", "eos_token_id", "pad_token_id",
    "tie_word_embeddings", "initializer_range", "attention_dropout", "pretraining_tp",
}  # fmt: skip
_TOWER = {
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_channels", "image_size",
    "patch_size", "hidden_act", "layer_norm_eps", "attention_dropout", "projection_dim", "initializer_range",
    "initializer_factor",
}  # fmt: skip
_MOST |= {"num_hidden_layers": 512, "max_position_embeddings": 1 << 24, "rope_theta": 1 << 50}
_MOST |= dict.fromkeys(("pad_id", "eos_id", "bos_token_id", "eos_token_id", "pad_token_id"), 1 << 24)


def read_config(file: Path) -> dict[str, Any]:
    """A JSON object of at most 16 MiB; UserError for everything else."""
    try:
        found = json.loads(read_plain(file, MOST_BYTES))
    except OSError as error:
        raise UserError(f"{file}: {why(error)}", "fetch the folder of the model again") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not readable as JSON: {error}", "fetch the folder of the model again") from None
    if not isinstance(found, dict):
        raise UserError(f"{file}: not a JSON object", "fetch the folder of the model again")
    return found


def open_clip_config(file: Path) -> dict[str, Any]:
    """open_clip's configuration of a model with what may be in it; UserError names what may not."""
    found = read_config(file)
    refuse_code(found, file)
    model, preprocess = found.get("model_cfg"), found.get("preprocess_cfg") or {}
    if not isinstance(model, dict) or not all(isinstance(model.get(one), dict) for one in ("vision_cfg", "text_cfg")):
        raise UserError(f"{file}: no model_cfg with vision_cfg and text_cfg", "give a model that open_clip saved")
    if not isinstance(preprocess, dict):
        raise UserError(f"{file}: preprocess_cfg is not an object", "give a model that open_clip saved")
    _check(model, _TOP, "model_cfg", file)
    # More than these, such as the source's address, is only information; open_clip leaves it out too.
    preprocess = {key: value for key, value in preprocess.items() if key in _PREPROCESS}
    _check(preprocess, _PREPROCESS, "preprocess_cfg", file)
    for key, pattern, what in (
        ("hf_model_name", _HUB_ID, "an id of the hub"),
        ("hf_tokenizer_name", _HUB_ID, "an id of the hub"),
        ("timm_model_name", _TIMM_NAME, "the name of a timm model"),
    ):
        for part in ("text_cfg", "vision_cfg", "multimodal_cfg"):
            name = model.get(part, {}).get(key)
            if name and not (isinstance(name, str) and pattern.fullmatch(name) and name.strip(".")):
                raise UserError(
                    f"{file}: {part}.{key} is {_short(name)}, but only {what} is followed, no path and no address",
                    "give a model whose configuration names public models",
                )
    return {"model_cfg": model, "preprocess_cfg": preprocess}


def llama_config(file: Path) -> dict[str, Any]:
    """transformers' configuration of a Llama model: its shape, and nothing else that the file says."""
    found = read_config(file)
    kept = {key: value for key, value in found.items() if key in _LLAMA and value is not None}
    for key in ("rope_scaling", "rope_parameters"):
        if key in kept and not (isinstance(kept[key], dict) and all(map(_plain, kept[key].values()))):
            raise UserError(f"{file}: {key} is {_short(kept[key])}", "fetch the folder of the model again")
    _numbers(kept, "", file)
    if "quantization_config" in found:
        raise UserError(f"{file}: quantization_config: quantised weights are not read", "give the model in 16 bits")
    return kept


def tower_config(file: Path) -> dict[str, Any]:
    """The shape of a CLIP image tower, as transformers writes it under vision_config."""
    shape = read_config(file).get("vision_config") or {}
    if not isinstance(shape, dict):
        raise UserError(f"{file}: vision_config is not an object", "fetch the folder of the model again")
    kept = {key: value for key, value in shape.items() if key in _TOWER and value is not None}
    _numbers(kept, "vision_config.", file)
    return kept


def tokenizer_config(file: Path) -> dict[str, Any]:
    """A tokenizer's settings without names of other files; UserError when they ask for code."""
    found = read_config(file)
    code = found.pop("auto_map", None)  # published models name processors of their own here, which nobody asks for
    if isinstance(code, dict):
        code = {key: value for key, value in code.items() if key == "AutoTokenizer"}
    refuse_code(found | ({"auto_map": code} if code else {}), file)
    named = found.get("tokenizer_class")
    if named is not None and not (isinstance(named, str) and _TOKENIZER_CLASS.fullmatch(named)):
        raise UserError(f"{file}: tokenizer_class is {_short(named)}", "fetch the folder of the model again")
    # Files are found by their usual names; settings of programs that cut Japanese could name any other.
    return {
        key: value
        for key, value in found.items()
        if not key.endswith(("_file", "_kwargs", "_path", "chat_template", "chat_templates"))
    }


def model_type(file: Path) -> dict[str, Any]:
    """Of a config.json only what helps to find the kind of a tokenizer; code that it names is neither read nor run."""
    found = read_config(file)
    return {key: found[key] for key in ("model_type", "tokenizer_class") if isinstance(found.get(key), str)}


def refuse_code(found: Any, file: Path) -> None:
    """UserError when a configuration asks for code of its own, at any depth."""
    waiting = [("", found)]
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, dict):
            for key, value in one.items():
                if key in CODE and value not in (None, False):
                    raise UserError(
                        f"{file}: {place}{key} asks to run code that comes with the model; none is ever run",
                        "give a model of an architecture that open_clip and transformers know",
                    )
                waiting.append((f"{place}{key}.", value))
        elif isinstance(one, list):
            waiting += [(place, value) for value in one]


def refuse_more_than(numbers: int, stored: int, file: Path) -> None:
    """UserError when a configuration describes more numbers than the weights have bytes: it would fill the memory."""
    if numbers > stored:
        raise UserError(
            f"{file}: describes a model of at least {numbers:,} numbers, its weights have {stored:,} bytes",
            "fetch the folder of the model again; configuration and weights do not belong together",
        )


def least_numbers(width: Any, layers: Any, vocabulary: Any = 0) -> int:
    """Numbers that a transformer of this shape has at the very least."""
    counts = [one if isinstance(one, int) else 0 for one in (width, layers, vocabulary)]
    return counts[0] * (4 * counts[0] * counts[1] + counts[2])


def _check(found: Mapping[str, Any], allowed: set[str], where: str, file: Path) -> None:
    for key, value in found.items():
        if key not in allowed:
            raise UserError(
                f"{file}: {where}.{key} is not a setting that is passed on", "take it out, or give another model"
            )
        if isinstance(value, dict):
            if key not in _INSIDE:
                raise UserError(f"{file}: {where}.{key} must not be an object", "give a model that open_clip saved")
            _check(value, _INSIDE[key], f"{where}.{key}", file)
    _numbers(found, f"{where}.", file)


def _numbers(found: Mapping[str, Any], where: str, file: Path) -> None:
    for key, value in found.items():
        most = _MOST.get(key, _MOST_NUMBER)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(value, dict):
                continue
            if not _plain(one) or (isinstance(one, int | float) and not abs(one) <= most):
                raise UserError(
                    f"{file}: {where}{key} is {_short(value)}; at most {most:,} is read", "give another model"
                )


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str) or (
        isinstance(value, list) and all(isinstance(one, int | float) for one in value)
    )  # fmt: skip


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
