"""From the recipe to the command of `vllm serve`, to the journal's identity, and from its log to one line."""

import pytest
from pydantic import ValidationError

from unicorn_assets.errors import UserError
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.endpoints.vllm_command import find_vllm, serve_command
from unicorn_assets.llm.endpoints.vllm_log import telling_line
from unicorn_assets.llm.settings import LlmSettings


def settings(model="some/model", revision=None, **vllm):
    return LlmSettings(endpoint="vllm", model=model, revision=revision, vllm=vllm)


def command(model="some/model", revision=None, **vllm):
    return serve_command("vllm", settings(model, revision, **vllm), None, 1)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "recipes" / "weights"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"0" * (1 << 21))
    return folder


def identity(folder=None, **options):
    model = "./weights" if folder else "some/model"
    return open_endpoint(settings(model, **options), base=folder and folder.parent).revision


def test_every_key_is_an_argument():
    said = " ".join(command(
        revision="abc", tensor_parallel_size=4, dtype="bfloat16", quantization="fp8", max_model_len=8192,
        flags=("--gpu-memory-utilization", 0.9, "--enable-prefix-caching"),
    ))  # fmt: skip
    for part in (
        "vllm serve some/model --served-model-name some/model", "--tensor-parallel-size 4", "--dtype bfloat16",
        "--revision abc", "--quantization fp8", "--max-model-len 8192",
        "--gpu-memory-utilization 0.9 --enable-prefix-caching",
    ):  # fmt: skip
        assert part in said
    assert "--max-model-len" not in command()


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (["--max-model-len", "100"], "llm.vllm.max_model_len"),
        (["--max_model_len=100"], "llm.vllm.max_model_len"),
        (["-tp", "2"], "llm.vllm.tensor_parallel_size"),
        (["--port", "1"], "remove it"),
        (["--max-num-seqs 100"], "each word"),
    ],
)
def test_flags_that_belong_elsewhere_are_refused(flags, hint):
    with pytest.raises(UserError) as error:
        command(flags=flags)
    assert hint in error.value.hint


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError, match="extra"):
        settings(tensor_parallel=2)


def test_a_relative_folder_starts_at_the_recipe(folder):
    endpoint = open_endpoint(settings("./weights"), base=folder.parent)
    assert endpoint.model == "./weights"
    served = serve_command("vllm", endpoint._settings, endpoint._folder, 1)
    assert served[2:5] == [str(folder), "--served-model-name", "./weights"]
    assert "--revision" not in serve_command("vllm", settings("./weights", "mine"), folder, 1)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(UserError, match="nothing is no folder of a model"):
        open_endpoint(settings("./nothing"), base=tmp_path)
    with pytest.raises(UserError, match="embedded"):
        open_endpoint(LlmSettings(endpoint="vllm"))


def test_the_identity_follows_everything_that_changes_answers(folder):
    before = identity(folder)
    assert before == identity(folder)
    assert before == identity(folder, tensor_parallel_size=4, max_model_len=512, flags=["--max-num-seqs", "8"])
    template = folder / "chat.jinja"
    changes = [
        lambda: identity(folder, dtype="float32"),
        lambda: identity(folder, quantization="fp8"),
        lambda: identity(folder, flags=["--kv-cache-dtype=fp8"]),
        lambda: identity(folder, flags=["--kv-cache-dtype", "fp8"]),
        lambda: template.write_text("{{ a }}") and identity(folder),
        lambda: (folder / "model.safetensors").write_bytes(b"0" * (2 << 20 | 1)) and identity(folder),
        lambda: (folder / "config.json").write_text("{ }") and identity(folder),
        lambda: identity(folder, flags=["--chat-template", str(template), "--max-num-seqs", "8"]),
        lambda: template.write_text("{{ b }}") and identity(folder, flags=["--chat-template", str(template)]),
    ]
    seen = [before, *(change() for change in changes)]
    assert len(set(seen)) == len(seen)


def test_without_options_the_identity_is_that_of_the_same_model_by_url():
    assert identity(revision="abc") == "abc"
    assert identity() == ""


def test_the_program_of_the_environment_is_preferred(tmp_path):
    program = tmp_path / "vllm"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_vllm({"UNICORN_VLLM": str(program)}) == str(program)


PREFIX = "(EngineCore pid=7) ERROR 11-22 23:58:26 [core.py:133] "


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{PREFIX}torch.OutOfMemoryError: CUDA out of memory.\nINFO bye\n"
         "RuntimeError: Engine core initialization failed. See root cause above.\n",
         "torch.OutOfMemoryError: CUDA out of memory."),
        ("usage: vllm\nvllm serve: error: unrecognized arguments: --no\nunicorn: vLLM ended with exit code 2\n",
         "vllm serve: error: unrecognized arguments: --no"),
        ("pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
         "  Value error, No such model. [type=value_error, input_value=1]\n    For further information\n",
         "No such model."),
        ("loading\nunicorn: vLLM was ended by SIGKILL\n", "unicorn: vLLM was ended by SIGKILL"),
        ("one\n\x1b[31mtwo\x1b[0m\n\n", "two"),
        ("RuntimeError: Engine core initialization failed.\n", "RuntimeError: Engine core initialization failed."),
        ("", ""),
    ],
)  # fmt: skip
def test_the_line_that_says_why(tmp_path, text, line):
    log = tmp_path / "vllm.log"
    before = "ValueError: of an earlier start\n"
    log.write_text(before + text)
    assert telling_line(log, len(before)) == line
