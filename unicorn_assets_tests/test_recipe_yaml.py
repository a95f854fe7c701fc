"""A file that is no recipe, or says what no recipe can mean, is one line with its key and exit code 2."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unicorn_assets import recipe_yaml
from unicorn_assets.cli import app
from unicorn_assets.recipe_file import load_recipe

GOOD = """\
name: mine
sources: [{name: a, path: seeds.txt}]
llm: {endpoint: url, url: "http://127.0.0.1:9/v1", model: m}
captions: {sampling: {max_tokens: 60, extra: {a: 1}}}
"""
LAUGHS = "{a: &a [x,x,x,x,x,x,x,x,x,x], " + ", ".join(
    f"{two}: &{two} [{','.join([f'*{one}'] * 10)}]" for one, two in zip("abcdef", "bcdefg", strict=True)
) + "}"  # fmt: skip

CHANGES = (
    ("extra: {a: 1}", "extra: {when: 2026-01-01}", "captions.sampling.extra.when: a date"),
    ("extra: {a: 1}", "extra: {b: !!set {a, b}}", "captions.sampling.extra.b: a set"),
    ("extra: {a: 1}", "extra: {b: !!binary aGk=}", "captions.sampling.extra.b: binary data"),
    ("extra: {a: 1}", "extra: {max_tokens: lots}", "captions.sampling.extra: 'max_tokens' cannot be given here"),
    ("extra: {a: 1}", f"extra: {LAUGHS}", "captions.sampling.extra"),
    ("extra: {a: 1}", "extra: &x {a: *x}", "captions.sampling.extra.a: this value holds itself"),
    ("extra: {a: 1}", "extra: {a: [.nan]}", "captions.sampling.extra.a.0: nan is no number"),
    ("extra: {a: 1}", "extra: {1: 2}", "'1' is no key"),
    ("extra: {a: 1}", "extra: {[a]: 2}", "a list or mapping is no key"),
    ("extra: {a: 1}", "extra: {a: " + "[" * 10_000, "more than 40 levels"),
    ("extra: {a: 1}", "extra: {a: !!python/object/apply:os.system [id]}", "could not determine a constructor"),
    ("max_tokens: 60", "max_tokens: true", "captions.sampling.max_tokens: true is no number"),
    ("max_tokens: 60", "max_tokens: 60, temperature: .inf",
     "captions.sampling.temperature: inf is no number"),
    ("max_tokens: 60", "max_tokens: 60, temperature: 1e400", "captions.sampling.temperature"),
    ("max_tokens: 60", "max_tokens: 60, max_tokens: 61", "key 'max_tokens' is given twice"),
    ("path: seeds.txt", "path: seeds.txt, max_rows: 99999999999999999999",
     "sources.0.max_rows: the number is too large"),
    ("path: seeds.txt", f"path: seeds.txt, max_rows: 1{'0' * 6000}", "not valid YAML"),
    ("path: seeds.txt", f"path: {'a' * 5000}", "sources.0.path: cannot look at aaa"),
    ("path: seeds.txt", 'path: "a\\0b.txt"', "sources.0.path: the text has a NUL"),
    ("path: seeds.txt", 'path: "a\\uD800b.txt"', "sources.0.path: "),
    ("model: m}", 'model: m}\nimage_reference: {kind: images, path: "a\\0b"}',
     "image_reference.path: the text has a NUL"),
    ("http://127.0.0.1:9/v1", "http://[::1/v1", "llm: url is no address"),
    ("http://127.0.0.1:9/v1", "http://host:99999/v1", "llm: url is no address"),
    ("http://127.0.0.1:9/v1", "http://", "llm: url is no address"),
    ("http://127.0.0.1:9/v1", "http://a b/v1", "llm: url is no address"),
    ('endpoint: url, url: "http://127.0.0.1:9/v1", model: m', 'endpoint: vllm, model: ""', "llm.model: "),
    ("model: m}", "model: m}\ninstructions: {question_answering: {weight: .inf}}",
     "instructions.question_answering.weight: inf"),
    ("model: m}", "model: m}\ninstructions: {share: -.inf}", "instructions.share: -inf"),
    ("name: mine", "name: mine\n\tabout: x", "not valid YAML"),
    ("name: mine", "name: mine\n<<: {a: 1}\n<<: {b: 1}", "key '<<' is given twice"),
    ("name: mine", "name: mine\n--- b", "not valid YAML"),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seeds.txt").write_text("a red boat on a lake\n", encoding="utf-8")
    return tmp_path


def told(*arguments: str) -> str:
    """What `unicorn` says about a mistake."""
    result = CliRunner().invoke(app, [*arguments, "--home", "home"], env={"COLUMNS": "300"})
    assert result.exit_code == 2, result.output[:2000]
    assert "Traceback" not in result.output
    assert result.output.count("\n") <= 2, result.output[:2000]
    assert not Path("home").exists()
    return result.output


@pytest.mark.parametrize(("old", "new", "words"), CHANGES, ids=[ascii(new[:40]) for _, new, _ in CHANGES])
def test_what_no_recipe_can_mean_is_one_line_with_its_key(old: str, new: str, words: str, folder: Path) -> None:
    assert old in GOOD
    (folder / "recipe.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    assert words in told("run", "--recipe", "recipe.yaml")


def test_the_good_recipe_is_good_also_with_a_mark_and_anchors(folder: Path) -> None:
    text = GOOD.replace("{a: 1}", "{a: &one 1, b: *one}")
    (folder / "recipe.yaml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_recipe("recipe.yaml").captions.sampling.extra == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"\xff\xfe" + GOOD.encode("utf-16-le"), bytes(range(256)) * 20, b"- a", b"a", b"{", b"a: b: c",
    b"?", b"\x1b[2J",
     b"name: \xed\xa0\x80", b"%YAML 9.9\n---\na: 1", b"&a [*a]", b"x" * 100_000, b"*a"],
)  # fmt: skip
def test_a_file_that_is_no_recipe_is_named(content: bytes, folder: Path) -> None:
    (folder / "recipe.yaml").write_bytes(content)
    assert "recipe.yaml" in told("run", "--recipe", "recipe.yaml")


def test_a_recipe_is_a_file_of_bearable_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo("pipe")
    Path("large.yaml").touch()
    os.truncate("large.yaml", 100 << 20)
    for name in ("pipe", ".", "/dev/zero", "/dev/stdin", "a" * 5000, "seeds.txt/x", "none\n.yaml"):
        told("run", "--recipe", name)
    assert "104,857,600 bytes" in told("run", "--recipe", "large.yaml")
    monkeypatch.setattr(recipe_yaml, "MAX_VALUES", 5)
    Path("recipe.yaml").write_text(GOOD, encoding="utf-8")
    assert "more than 5 values" in told("run", "--recipe", "recipe.yaml")


@pytest.mark.parametrize(
    "arguments",
    [("--shards", ","), ("--shards", "../x"), ("--shards", "\x1b[2J[/]"), ("--lake", "nix://a"),      ("--lake",
    "a" * 5000), ("--lake", "seeds.txt/x"), ("--lake", "/dev/null/x")],
)  # fmt: skip
def test_odd_arguments_of_run_end_in_words(arguments: tuple[str, str], folder: Path) -> None:
    (folder / "recipe.yaml").write_text(GOOD, encoding="utf-8")
    for command in ("run", "status") if arguments[0] == "--lake" else ("run",):
        more = ("--recipe", "recipe.yaml") if command == "run" else ()
        result = CliRunner().invoke(app, [command, *more, *arguments, "--home", "home"], env={"COLUMNS": "300"})
        assert result.exit_code in (0, 1, 2), result.output
        assert "Traceback" not in result.output
        assert "a fault of the program" not in result.output, result.output
        assert command == "status" or result.exit_code == 2


@pytest.mark.parametrize("home", ["a" * 5000, "seeds.txt", "seeds.txt/x", "/dev/null", "/proc/nowhere/x"])
def test_odd_homes_end_in_words(home: str, folder: Path) -> None:
    (folder / "recipe.yaml").write_text(GOOD, encoding="utf-8")
    for command in (
        ("run", "--recipe", "recipe.yaml"),
        ("status",),
        ("doctor",),
        ("show", "captions"),
        ("quarantine",),
    ):
        result = CliRunner().invoke(app, [*command, "--home", home], env={"COLUMNS": "300"})
        assert result.exit_code in (0, 1, 2), result.output
        assert "Traceback" not in result.output
        assert "a fault of the program" not in result.output, (command, result.output)
