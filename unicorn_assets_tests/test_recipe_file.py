"""What is wrong with a recipe is said in one line: file, line, key, nearest valid key."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.recipe_file import load_recipe

GOOD = """\
name: mine
sources:
  - name: captions
    path: captions.csv
    columns:
      text: caption
llm:
  endpoint: embedded
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "captions.csv").write_text("caption\na cat\n")
    return tmp_path


def error_of(folder: Path, text: str | bytes) -> str:
    file = folder / "r.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UserError) as error:
        load_recipe(file)
    return str(error.value).replace(f"{folder}/", "")


def test_a_good_recipe_knows_its_folder(folder: Path) -> None:
    (folder / "r.yaml").write_text(GOOD)
    recipe = load_recipe(folder / "r.yaml")
    assert recipe.folder == folder
    assert recipe.locate("captions.csv") == str(folder / "captions.csv")
    assert recipe.locate("s3://bucket/a.csv") == "s3://bucket/a.csv"
    assert recipe.sources[0].columns.text == "caption"
    assert recipe.shard_rows == 4000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("name: mine", "name: mine\nshard_row: 5"), "r.yaml:2: shard_row: unknown key; did you mean 'shard_rows'?"),
        (("      text:", "      texts:"), "r.yaml:6: sources.0.columns.texts: unknown key; did you mean 'text'?"),
        (("endpoint:", "end_point:"), "r.yaml:8: llm.end_point: unknown key; did you mean 'endpoint'?"),
        (("name: mine", "name: mine\nzzz: 5"), "r.yaml:2: zzz: unknown key; known keys: about, benchmarks, captions,"),
        (("name: mine", "name: mine\nshard_rows: many"), "r.yaml:2: shard_rows: Input should be a valid integer"),
        (("name: mine", "name: mine\nshard_rows: 0"), "r.yaml:2: shard_rows: Input should be greater than"),
        (("name: mine", "name: My Data"), "r.yaml:1: name: String should match pattern"),
        (("name: mine\n", ""), "name: this key is required"),
        (("embedded", "cloud"), "r.yaml:8: llm.endpoint: Input should be 'embedded', 'url' or 'vllm'"),
        (("    path: captions.csv\n", ""), "r.yaml:3: sources.0: source 'captions' needs either 'path', or 'labels'"),
        (("captions.csv", "gone.csv"), "r.yaml:4: sources.0.path: there is no file gone.csv"),
        (("  - name: captions", "  - name: captions\n    path: captions.csv\n  - name: captions"),
         "source name 'captions' is used twice"),
        (("name: mine", "name: mine\nencoder: {kind: open_clip}"), "r.yaml:2: encoder: encoder 'open_clip' needs"),
        (("name: mine", "name: mine\nname: yours"), "r.yaml:2: key 'name' is given twice, first in line 1"),
        (("    columns:", "    columns: {text: a, text: b}\n    other:"), "r.yaml:5: key 'text' is given twice"),
        (("name: mine", "name: [mine"), "not valid YAML"),
        (("name: mine", "name: mine\n\tabout: tab"), "not valid YAML"),
        (("mine", "2026-02-31"), "not valid YAML"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_line_and_key(folder: Path, change: tuple[str, str], words: str) -> None:
    assert words in error_of(folder, GOOD.replace(*change, 1))


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    message = error_of(folder, GOOD + "shard_rows: x\ntransfr: {}\n")
    assert "r.yaml:9: shard_rows" in message
    assert "r.yaml:10: transfr: unknown key; did you mean 'transfer'?" in message


@pytest.mark.parametrize("text", ["", "- a\n", "only words", "# comment\n"])
def test_a_recipe_is_a_mapping(folder: Path, text: str) -> None:
    assert "a recipe is a mapping of keys" in error_of(folder, text)


def test_files_that_are_no_recipe(folder: Path) -> None:
    assert "cannot read recipe" in error_of(folder, b"name: caf\xe9\n")
    assert "not valid YAML" in error_of(folder, "a: " + "[" * 5000)
    assert "not valid YAML" in error_of(folder, "a: \x00")
    for path, words in ((folder / "none.yaml", "there is no recipe"), (folder, "cannot read recipe")):
        with pytest.raises(UserError, match=words):
            load_recipe(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
KEYS = (
    "name",
    "sources",
    "llm",
    "captions",
    "instructions",
    "encoder",
    "image_reference",
    "transfer",
    "checks",
    "seeds",
)


@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_value_anywhere_is_taken_or_explained(tmp_path_factory: Any, key: str, value: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "captions.csv").write_text("caption\n")
    file = folder / "any.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(GOOD) | {key: value}, allow_unicode=True), encoding="utf-8")
    try:
        load_recipe(file)
    except UserError as error:
        message = error.message
    else:
        message = str(file)
    assert str(file) in message
