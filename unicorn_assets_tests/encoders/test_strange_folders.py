"""Model folders of strangers: nothing of them is run, nothing waits, and what is wrong with them is one line."""

import json
import os
import pickle
import shutil
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from unicorn_assets.cli import app
from unicorn_assets.encoders import encoder_version, open_encoder
from unicorn_assets.encoders.model_config import open_clip_config
from unicorn_assets.encoders.vetting import no_code
from unicorn_assets.errors import UserError
from unicorn_assets_tests.encoders.conftest import PREPROCESS, TINY
from unicorn_assets_tests.encoders.test_open_clip_encoder import local
from unicorn_assets_tests.encoders.tiny_llm2clip import save_adapter, save_text_encoder
from unicorn_assets_tests.images.pictures import encoded
from unicorn_assets_tests.recipes import recipe_of

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


@pytest.fixture
def folder(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TRAP", str(tmp_path / "marker"))
    shutil.copytree(tiny, tmp_path / "model")
    return tmp_path / "model"


def trap(folder: Path) -> None:
    """Python files that leave a mark when anybody imports them, and configurations that name them."""
    code = "import os\nopen(os.environ['TRAP'], 'w').close()\n"
    code += "class Tokenizer: pass\nclass Config: pass\nclass Model: pass\n"
    for name in ("trap.py", "tokenization_trap.py", "__init__.py", "sitecustomize.py", "conftest.py"):
        (folder / name).write_text(code)
    about = {"auto_map": {"AutoTokenizer": ["trap.Tokenizer", "trap.Tokenizer"]}, "tokenizer_class": "Tokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    about = {"auto_map": {"AutoConfig": "trap.Config", "AutoModel": "trap.Model"}, "model_type": "trap"}
    (folder / "config.json").write_text(json.dumps(about))


def change(folder: Path, *keys: str, to: Any) -> None:
    found = json.loads((folder / CONFIG).read_text())
    place = found
    for key in keys[:-1]:
        place = place.setdefault(key, {})
    place[keys[-1]] = to
    (folder / CONFIG).write_text(json.dumps(found))


TEXT = ("model_cfg", "text_cfg")
TRAPS: dict[str, Callable[[Path], None]] = {
    "trust_remote_code": lambda f: change(f, *TEXT, "tokenizer_kwargs", to={"trust_remote_code": True}),
    "deep": lambda f: change(f, *TEXT, "tokenizer_kwargs", to={"clean": {"trust_remote_code": 1}}),
    "tokenizer only": lambda f: change(f, *TEXT, "hf_tokenizer_name", to="someone/tokens"),
    "text tower by path": lambda f: change(f, *TEXT, "hf_model_name", to=str(f)),
    "text tower by relative path": lambda f: change(f, *TEXT, "hf_model_name", to="./model"),
    "tokenizer by path": lambda f: change(f, *TEXT, "hf_tokenizer_name", to=f"{f}/"),
    "timm by address": lambda f: change(f, "model_cfg", "vision_cfg", "timm_model_name", to="hf-hub:a/b"),
    "timm by folder": lambda f: change(f, "model_cfg", "vision_cfg", "timm_model_name", to=f"local-dir:{f}"),
    "a key nobody knows": lambda f: change(f, "model_cfg", "custom_code", to="trap.Model"),
    "another vocabulary": lambda f: change(f, *TEXT, "tokenizer_kwargs", to={"bpe_path": "/etc/passwd"}),
    "code in the preprocessing": lambda f: change(f, "preprocess_cfg", "auto_map", to="trap.Model"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_code_of_a_model_is_never_run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # transformers would ask, and be told to go on
    monkeypatch.chdir(folder.parent)
    trap(folder)
    TRAPS[name](folder)
    for one in range(2):  # once more, should something have stayed behind
        with pytest.raises(UserError, match=r"\w") as caught:
            open_encoder(local(folder))
        assert len(str(caught.value).splitlines()) <= 2, one
    assert not (folder.parent / "marker").exists()


def test_the_command_says_it_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    trap(folder)
    TRAPS["trust_remote_code"](folder)
    Path("a.png").write_bytes(encoded(1))
    Path("recipe.yaml").write_text(
        "name: a\nsources:\n  - {name: a, path: a.txt}\nllm: {endpoint: embedded}\n"
        'encoder: {kind: open_clip, model: "local-dir:model"}\nimage_reference: {kind: images, path: a.png}\n'
    )
    result = CliRunner().invoke(
        app, ["reference", "--images", "a.png", "--recipe", "recipe.yaml", "--out", "o.safetensors"]
    )
    assert result.exit_code == 2, result.output
    assert "trust_remote_code asks to run code" in result.output
    assert len(result.output.splitlines()) <= 3
    assert not Path("marker").exists()
    assert not Path("o.safetensors").exists()


def test_no_way_of_transformers_leads_to_a_models_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    monkeypatch.setattr("builtins.input", lambda *_: "y")
    trap(folder)
    for kind in (AutoConfig, AutoTokenizer, AutoModel):
        for trusted in ({}, {"trust_remote_code": True}):
            with no_code(), pytest.raises(Exception, match=r"\w"):
                kind.from_pretrained(folder, **trusted)
    assert not (folder.parent / "marker").exists()


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return open, (os.environ["TRAP"], "w")


def test_weights_that_are_a_program_are_not_opened(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    for name, write in (
        ("open_clip_pytorch_model.bin", lambda file: file.write_bytes(pickle.dumps({"a": Bomb()}) + bytes(1 << 22))),
        ("open_clip_pytorch_model.bin", zipped),
        ("model.pth", lambda file: file.write_bytes(pickle.dumps(Bomb()) + bytes(1 << 22))),
    ):
        write(folder / name)  # type: ignore[no-untyped-call]
        with pytest.raises(UserError, match="holds more than tensors"):
            open_encoder(local(folder))
        (folder / name).unlink()
    assert not (folder.parent / "marker").exists()


def zipped(file: Path, packed: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(file, "w", packed) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": Bomb()}))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/data/0", bytes(1 << 22))


def test_packed_weights_are_not_unpacked(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    zipped(folder / "model.pth", zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="packed"):
        open_encoder(local(folder))


def pipe(file: Path) -> None:
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def plug(file: Path) -> None:
    file.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(file))


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, "other.bin", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("instead", [pipe, plug, lambda file: (file.unlink(missing_ok=True), file.mkdir())])
def test_what_is_not_a_file_is_named_and_not_waited_for(
    name: str, instead: Callable[[Path], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)  # a socket's address is short
    instead(folder / name)
    encoder_version(local(folder))
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        open_encoder(local(folder))


def weights(folder: Path, how: Callable[[dict[str, Any]], object]) -> None:
    from safetensors.torch import load_file, save_file

    found = load_file(folder / WEIGHTS)
    how(found)
    save_file(found, folder / WEIGHTS)


def test_weights_that_do_not_fit_are_refused_by_name(folder: Path) -> None:
    import torch

    before = (folder / WEIGHTS).read_bytes()
    for change_weights, words in (
        (lambda found: found["text_projection"].fill_(torch.nan), "text_projection holds NaN"),
        (lambda found: found["visual.proj"].view(-1)[3].fill_(-torch.inf), r"visual\.proj holds NaN or Inf"),
        (lambda found: found.pop("ln_final.weight"), "ln_final.weight"),
        (lambda found: found.update(text_projection=torch.zeros(3, 3)), "size mismatch for text_projection"),
        (lambda found: found.update(more=torch.zeros(3)), "more"),
        (lambda found: found.clear(), "its weights have 16 bytes"),
    ):
        weights(folder, change_weights)  # type: ignore[arg-type]
        with pytest.raises(UserError, match=words) as caught:
            open_encoder(local(folder))
        assert "\n" not in caught.value.message
        (folder / WEIGHTS).write_bytes(before)
    for junk in (b"", b"\xff" * 9, before[:100], before[:-1], (1 << 62).to_bytes(8, "little") + b"{}"):
        (folder / WEIGHTS).write_bytes(junk)
        with pytest.raises(UserError, match=r"cannot load encoder|its weights have"):
            open_encoder(local(folder))
    (folder / WEIGHTS).write_bytes(before)
    open_encoder(local(folder))


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", "{" * 900, "[" * 100_000, '{"model_cfg": 3}', '{"model_cfg": {"vision_cfg": []}}',
        json.dumps({"model_cfg": TINY | {"embed_dim": "x"}}), json.dumps({"model_cfg": TINY | {"embed_dim": 1 << 40}}),
        json.dumps({"model_cfg": TINY | {"vision_cfg": TINY["vision_cfg"] | {"layers": 10**9}}}),
        json.dumps({"model_cfg": TINY | {"vision_cfg": TINY["vision_cfg"] | {"width": 100_000}}}),
        json.dumps({"model_cfg": TINY | {"vision_cfg": TINY["vision_cfg"] | {"patch_size": 0}}}),
        json.dumps({"model_cfg": TINY | {"text_cfg": TINY["text_cfg"] | {"context_length": -1}}}),
        json.dumps({"model_cfg": TINY | {"text_cfg": TINY["text_cfg"] | {"vocab_size": float("nan")}}}),
        json.dumps({"model_cfg": TINY | {"text_cfg": TINY["text_cfg"] | {"context_length": 1 << 30}}}),
        json.dumps({"model_cfg": TINY, "preprocess_cfg": PREPROCESS | {"mean": ["a", "b", "c"]}}),
        json.dumps({"model_cfg": TINY, "preprocess_cfg": PREPROCESS | {"std": [0, 0, 0]}}),
        json.dumps({"model_cfg": TINY, "preprocess_cfg": PREPROCESS | {"interpolation": 7, "resize_mode": "up"}}),
    ],
)  # fmt: skip
def test_a_strange_configuration_is_one_line(text: str, folder: Path) -> None:
    (folder / CONFIG).write_text(text)
    with pytest.raises(UserError) as caught:
        open_encoder(local(folder))
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 700


def test_every_model_that_open_clip_knows_passes_the_list(tmp_path: Path) -> None:
    import open_clip

    for file in (Path(open_clip.__file__).parent / "model_configs").glob("*.json"):
        made = {"model_cfg": json.loads(file.read_text()), "preprocess_cfg": PREPROCESS}
        (tmp_path / CONFIG).write_text(json.dumps(made))
        assert open_clip_config(tmp_path / CONFIG) == made, file.name


def test_what_is_read_is_what_was_there(folder: Path, tiny: Path) -> None:
    """A folder with traps that nothing points to gives the vectors that it gives without them."""
    (folder / "trap.py").write_text("raise SystemExit")
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "trap.Model"}, "model_type": "clip"}))
    texts = ["a dog", "a red bicycle"]
    found = open_encoder(local(folder)).encode_texts(texts)
    np.testing.assert_array_equal(found, open_encoder(local(tiny)).encode_texts(texts))


def test_llm2clip_folders_are_read_for_shape_and_weights_only(tmp_path: Path) -> None:
    text, adapter = save_text_encoder(tmp_path / "text"), save_adapter(tmp_path / "adapter")
    encoder = {"kind": "llm2clip", "model": f"local-dir:{text.name}", "adapter": f"local-dir:{adapter.name}"}
    recipe = recipe_of(tmp_path, encoder=encoder, image_reference={"kind": "images", "path": "x"})
    before = open_encoder(recipe).encode_texts(["a dog"])
    (text / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/nowhere", "peft_type": "LORA"}))
    config = json.loads((text / "config.json").read_text())
    changed = config | {"attn_implementation": "someone/kernel", "_attn_implementation": "someone/kernel"}
    (text / "config.json").write_text(json.dumps(changed))
    np.testing.assert_array_equal(open_encoder(recipe).encode_texts(["a dog"]), before)
    for more, words in (
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantization_config"),
        ({"hidden_size": 100_000}, "describes a model of at least"),
        ({"num_hidden_layers": 10**7}, "num_hidden_layers"),
        ({"rope_scaling": {"type": {"a": 1}}}, "rope_scaling"),
        ({"num_attention_heads": 0}, "cannot load the llm2clip encoder"),
    ):
        (text / "config.json").write_text(json.dumps(config | more))
        with pytest.raises(UserError, match=words):
            open_encoder(recipe)
    (text / "config.json").write_text(json.dumps(config))
    (text / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "../adapter/model.safetensors"}})
    )
    with pytest.raises(UserError, match="no file of this folder"):
        open_encoder(recipe)
    (text / "model.safetensors.index.json").unlink()
    pipe(adapter / "model.safetensors")
    encoder_version(recipe)
    with pytest.raises(UserError, match="it is a pipe"):
        open_encoder(recipe)
