"""The package's weights in the number format that CPUs are quick at."""

import stat

import numpy as np
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.llm.endpoints.base import weights_dirs
from unicorn_assets.llm.endpoints.embedded_weights import is_quickened, quickened

gguf = pytest.importorskip("gguf")

NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
VALUES = np.random.default_rng(5).normal(size=(4, 64)).astype(np.float32)


@pytest.fixture
def weights(tmp_path):
    """A GGUF file with one matrix as the package has them, one vector, and keys of each shape."""
    path = tmp_path / NAME
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.name", "small")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_1)
    writer.add_token_list(["a", "b"])
    writer.add_uint32("llama.block_count", 1)
    old = gguf.GGMLQuantizationType.Q4_1
    writer.add_tensor("matrix", gguf.quants.quantize(VALUES, old), raw_dtype=old)
    writer.add_tensor("norm", VALUES[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def read(path):
    file = gguf.GGUFReader(path)
    values = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in file.tensors}
    keys = {name: field.contents() for name, field in file.fields.items() if not name.startswith("GGUF.")}
    return values, keys, {t.name: t.tensor_type.name for t in file.tensors}


def test_values_and_keys_stay(weights, tmp_path):
    made = quickened(weights, [tmp_path / "cache"])
    (values, keys, kinds), (old_values, old_keys, _) = read(made), read(weights)
    assert kinds == {"matrix": "Q8_0", "norm": "F32"}
    assert np.array_equal(values["norm"], old_values["norm"])
    # 8 bits over each block's own range
    assert np.abs(values["matrix"] - old_values["matrix"]).max() <= np.abs(old_values["matrix"]).max() / 127
    assert keys | {"general.file_type": None} == old_keys | {"general.file_type": None}
    assert stat.S_IMODE(made.stat().st_mode) & stat.S_IRUSR


def test_made_once_wherever_it_is_found(weights, tmp_path):
    first, second = tmp_path / "cache", tmp_path / "home"
    made = quickened(weights, [second])
    assert quickened(weights, [first, second]) == made
    assert not first.exists()


def test_a_folder_that_cannot_be_written_is_passed_over(weights, tmp_path):
    (tmp_path / "cache").write_text("no folder")
    assert quickened(weights, [tmp_path / "cache", tmp_path / "home"]).parent == tmp_path / "home"
    with pytest.raises(OSError, match="cache"):
        quickened(weights, [tmp_path / "cache"])


@pytest.mark.parametrize("kept", [0, 3, 20, 60, 200, 400])
def test_damaged_weights_are_told_of_and_leave_nothing(weights, tmp_path, kept):
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(UserError, match="no whole GGUF file"):
        quickened(weights, [tmp_path / "cache"])
    assert list((tmp_path / "cache").iterdir()) == []


def test_only_the_package_s_own_weights_are_rewritten(tmp_path):
    assert is_quickened(tmp_path / NAME)
    assert not is_quickened(tmp_path / "mine.gguf")


def test_places(monkeypatch):
    monkeypatch.setenv("UNICORN_HOME", "/data/home")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    assert [str(p) for p in weights_dirs()] == ["/home/me/.cache/unicorn-assets", "/data/home/weights"]
    monkeypatch.delenv("HOME")
    assert [str(p) for p in weights_dirs()] == ["/data/home/weights"]
