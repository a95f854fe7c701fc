"""A tiny LLM2CLIP with random weights, on disk in the layout of the published one: milliseconds to run."""

import json
from pathlib import Path
from typing import Any

WIDTH, DIMENSION, VOCABULARY = 32, 16, 420
SPECIAL = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
# How Llama 3 cuts a text into words: a fact of its tokenizer, which decides whether a prompt's parts can be joined.
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CAPTIONS = ["a small brown dog runs over the wet grass", "a red bicycle leans against a wall", "user\n\n"]


def save_text_encoder(folder: Path, seed: int = 0) -> Path:
    """A Llama model of two layers and its tokenizer; config.json names code of its own, which must not be run."""
    import torch
    from transformers import LlamaConfig, LlamaModel

    torch.manual_seed(seed)
    shape = {"hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=VOCABULARY, num_key_value_heads=2, max_position_embeddings=600, **shape)
    model = LlamaModel(config)
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    about |= {"architectures": ["LlamaEncoderModel"], "auto_map": {"AutoModel": "trap.LlamaEncoderModel"}}
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    (folder / "trap.py").write_text("raise SystemExit('code of a model was run')", encoding="utf-8")
    tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def tokenizer() -> Any:
    """Byte-level BPE over words as Llama 3 cuts them, with its chat marks."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(Regex(WORDS), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(False, use_regex=False)])
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(CAPTIONS, trainer)
    return made


def save_adapter(folder: Path, seed: int = 0, *, pickled: bool = False, blocks: int = 4) -> Path:
    """Text adapter and image tower in one checkpoint, with the published names of the weights."""
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    vision = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 16, "patch_size": 8}
    tower = CLIPVisionModelWithProjection(CLIPVisionConfig(projection_dim=DIMENSION, **vision))
    weights = dict(tower.state_dict())
    name = "text_adapter.adaptor."
    for block in range(blocks):
        weights[f"{name}{block}.fn.0.weight"] = torch.randn(2 * WIDTH, WIDTH) * 0.2
        weights[f"{name}{block}.fn.0.bias"] = torch.randn(2 * WIDTH) * 0.1
        weights[f"{name}{block}.fn.3.weight"] = torch.randn(WIDTH, 2 * WIDTH) * 0.2
        weights[f"{name}{block}.fn.3.bias"] = torch.randn(WIDTH) * 0.1
        weights[f"{name}{block}.ln.weight"], weights[f"{name}{block}.ln.bias"] = torch.rand(2, WIDTH)
    weights[f"{name}{blocks}.weight"], weights[f"{name}{blocks}.bias"] = torch.rand(2, WIDTH)
    weights[f"{name}{blocks + 1}.weight"] = torch.randn(DIMENSION, WIDTH)
    weights[f"{name}{blocks + 1}.bias"] = torch.randn(DIMENSION)
    weights["logit_scale"] = torch.tensor(4.6)
    config = {"model_type": "clip", "projection_dim": DIMENSION, "vision_config": vision}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    if pickled:
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file({name: value.clone().contiguous() for name, value in weights.items()}, folder / "model.safetensors")
    return folder
