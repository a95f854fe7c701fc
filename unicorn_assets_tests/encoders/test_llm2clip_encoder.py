"""LLM2CLIP on a tiny random model: the prompt byte by byte, both directions, pooling, loading without foreign code."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unicorn_assets.encoders import (
    Encoder,
    about,
    encoder_version,
    identify,
    open_encoder,
)
from unicorn_assets.encoders.llm2clip_encoder import Llm2ClipEncoder
from unicorn_assets.encoders.llm2clip_prompt import Prompt, render
from unicorn_assets.encoders.protocol import TOLERANCE
from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets_tests.encoders.tiny_llm2clip import save_adapter, save_text_encoder, tokenizer
from unicorn_assets_tests.recipes import recipe_of

TEXTS = ["a dog", "", "A cat, two birds and 12345 fish.", " a red bicycle \n", "wet grass " * 40, "ünïcode – 犬"]


def llm2clip(folder: Path, **settings: object) -> Recipe:
    encoder = {"kind": "llm2clip", "model": "local-dir:text", "adapter": "local-dir:adapter", **settings}
    return recipe_of(folder, encoder=encoder, image_reference={"kind": "images", "path": "x"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("llm2clip")
    save_text_encoder(made / "text")
    save_adapter(made / "adapter")
    return made


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return open_encoder(llm2clip(folder, batch_tokens=128))


def prompt_of(encoder: Encoder) -> Prompt:
    assert isinstance(encoder, Llm2ClipEncoder)
    return encoder._parts.prompt


def test_the_prompt_byte_by_byte(encoder: Encoder) -> None:
    expected = b"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\na small brown dog<|eot_id|>"
    assert render("  a small brown dog\n").encode() == expected
    # What the model is given, read back from the token ids of the tokenizer as it was loaded from a folder.
    (ids,) = prompt_of(encoder)([" a small brown dog "]).ids.tolist()
    assert tokenizer().decode(ids, skip_special_tokens=False).encode() == expected
    assert ids.count(tokenizer().token_to_id("<|eot_id|>")) == 1 == ids.count(tokenizer().token_to_id("user"))


def test_joining_the_prompts_parts_is_the_prompt_read_at_once(encoder: Encoder) -> None:
    prompt = prompt_of(encoder)
    for text in TEXTS:
        assert prompt([text]).ids.tolist() == [tokenizer().encode(render(text), add_special_tokens=False).ids]
    together = prompt(TEXTS)
    for ids, used, text in zip(together.ids.tolist(), together.used, TEXTS, strict=True):
        assert ids[:used] == prompt([text]).ids.tolist()[0]
        assert not any(ids[used:])


def test_a_long_caption_loses_its_tail_and_keeps_the_end_mark(encoder: Encoder) -> None:
    long, longer = "dog " * 600, "dog " * 600 + "and a cat"
    cut = prompt_of(encoder)([long, longer]).ids.tolist()
    assert cut[0] == cut[1]
    assert len(cut[0]) == 512 == encoder.window
    assert tokenizer().decode(cut[0], skip_special_tokens=False).endswith("dog<|eot_id|>")
    assert encoder.embed_texts(["a dog", long]).truncated == [1]
    np.testing.assert_allclose(*encoder.encode_texts([long, longer]), atol=TOLERANCE)


def test_vectors_are_what_the_formula_gives(encoder: Encoder, folder: Path) -> None:
    """The whole way written down once more, one text at a time, without padding, masks of one's own, or batches."""
    import torch
    from safetensors.torch import load_file
    from torch.nn import functional
    from transformers import LlamaModel

    llama = LlamaModel.from_pretrained(folder / "text", attn_implementation="eager").eval()
    w = {k.removeprefix("text_adapter.adaptor."): v for k, v in load_file(folder / "adapter/model.safetensors").items()}
    skipped = len(tokenizer().encode("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n").ids)
    expected = []
    with torch.inference_mode():
        for text in TEXTS:
            ids = torch.tensor([tokenizer().encode(render(text)).ids])
            see_all = torch.zeros(1, 1, ids.shape[1], ids.shape[1])
            v = functional.normalize(llama(ids, attention_mask=see_all).last_hidden_state[0, skipped:].mean(0), dim=0)
            for i in range(4):
                inner = functional.layer_norm(v, v.shape, w[f"{i}.ln.weight"], w[f"{i}.ln.bias"])
                inner = functional.gelu(w[f"{i}.fn.0.weight"] @ inner + w[f"{i}.fn.0.bias"])
                v = v + w[f"{i}.fn.3.weight"] @ inner + w[f"{i}.fn.3.bias"]
            v = w["5.weight"] @ functional.layer_norm(v, v.shape, w["4.weight"], w["4.bias"]) + w["5.bias"]
            expected.append(functional.normalize(v, dim=0).numpy())
    vectors = encoder.encode_texts(TEXTS)
    np.testing.assert_allclose(vectors, np.stack(expected), atol=TOLERANCE)
    assert vectors.shape == (6, 16)


def test_the_first_word_is_read_with_the_last_one_in_sight(encoder: Encoder) -> None:
    """In a causal model the states of the first words would not change with what follows them."""
    import torch

    assert isinstance(encoder, Llm2ClipEncoder)
    seen: list[np.ndarray] = []
    llama = encoder._parts.llama
    hook = llama.register_forward_hook(lambda _m, _i, out: seen.append(out.last_hidden_state[0].numpy().copy()))
    with torch.inference_mode():
        encoder.encode_texts(["a dog"])
        encoder.encode_texts(["a cat"])
    hook.remove()
    first = prompt_of(encoder).skipped
    assert np.abs(seen[0][first] - seen[1][first]).max() > 1e-3


def test_vectors_do_not_depend_on_the_batch(encoder: Encoder, folder: Path) -> None:
    together = encoder.encode_texts(TEXTS)
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    backwards = open_encoder(llm2clip(folder, batch_tokens=4096)).encode_texts(TEXTS[::-1])[::-1]
    np.testing.assert_allclose(together, alone, atol=TOLERANCE)
    np.testing.assert_allclose(together, backwards, atol=TOLERANCE)
    assert encoder.encode_texts([]).shape == (0, 16)


def test_images_go_through_the_tower_and_its_projection(encoder: Encoder, folder: Path) -> None:
    pictures = [Image.new("RGB", (40, 20), colour) for colour in ("red", "white", "navy")]
    vectors = encoder.encode_images(pictures)
    clear = encoder.encode_images([Image.new("RGBA", (40, 20), (0, 0, 0, 0))])
    np.testing.assert_allclose(clear[0], vectors[1], atol=TOLERANCE)
    assert vectors.shape == (3, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-3


def test_a_pickled_checkpoint_gives_the_same_and_may_hold_tensors_only(encoder: Encoder, folder: Path) -> None:
    import torch

    save_adapter(folder / "pickled", pickled=True)
    other = open_encoder(llm2clip(folder, adapter="local-dir:pickled"))
    np.testing.assert_allclose(other.encode_texts(["a dog"]), encoder.encode_texts(["a dog"]), atol=TOLERANCE)
    torch.save({"text_adapter.adaptor.0.fn.0.weight": Path("anything")}, folder / "pickled" / "pytorch_model.bin")
    with pytest.raises(UserError, match="holds more than tensors"):
        open_encoder(llm2clip(folder, adapter="local-dir:pickled"))


def test_half_precision_stays_near(encoder: Encoder, folder: Path) -> None:
    half = open_encoder(llm2clip(folder, precision="bf16"))
    assert about(half)["dtype"] == "bf16"
    cosines = (half.encode_texts(TEXTS) * encoder.encode_texts(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.99


def test_identity_follows_both_folders(folder: Path) -> None:
    assert identify(llm2clip(folder))[0] == "llm2clip:text+adapter"
    save_text_encoder(folder / "text2", seed=1)
    save_adapter(folder / "adapter2", seed=1)
    versions = [
        encoder_version(llm2clip(folder, **other))
        for other in ({}, {"model": "local-dir:text2"}, {"adapter": "local-dir:adapter2"}, {"precision": "bf16"})
    ]
    assert len(set(versions)) == 4
    assert encoder_version(llm2clip(folder, batch_tokens=64, device="cpu")) == versions[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"model": "local-dir:adapter"}, "no tokenizer.json"),
        ({"adapter": "local-dir:text"}, r"no weights named text_adapter"),
        ({"adapter": "local-dir:nowhere"}, r"encoder.adapter: no config.json"),
        ({"adapter": "local-dir:short"}, "another shape than LLM2CLIP's"),
        ({"adapter": "hf-hub:nobody/nothing"}, r"encoder.adapter: cannot get hf-hub:nobody/nothing"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_words(
    change: dict[str, str], expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file, save_file

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    short = save_adapter(folder / "short") / "model.safetensors"
    weights = load_file(short)
    del weights["text_adapter.adaptor.2.ln.bias"]
    save_file(weights, short)
    with pytest.raises(UserError, match=expected):
        open_encoder(llm2clip(folder, **change))


def test_a_tokenizer_without_chat_marks_is_refused(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    save_text_encoder(folder / "foreign")
    other = Tokenizer(models.BPE(dict.fromkeys(["a"], 0) | {"dog": 1}, [], unk_token="a"))
    other.pre_tokenizer = pre_tokenizers.Whitespace()
    other.save(str(folder / "foreign" / "tokenizer.json"))
    with pytest.raises(UserError, match="chat marks"):
        open_encoder(llm2clip(folder, model="local-dir:foreign"))
