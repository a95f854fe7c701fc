"""Nothing that others wrote steers the terminal, breaks a table or the JSON; and nobody prints past the one door."""

import ast
import io
import json
import os
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

import unicorn_assets
from unicorn_assets.cli import app
from unicorn_assets.progress import StageProgress
from unicorn_assets.terminal.bars import shown_on
from unicorn_assets.terminal.console import SafeConsole, SafeStream, plain, to_json
from unicorn_assets_tests.lakes import SHARD, tiny_lake

HOSTILE = (
    "[/]", "[bold]", "[/bold red]", "[link=http://evil.example]here[/link]", ":skull:", "[", "]", "[[", "\\[",
    "[@click=x]",
    "\x1b[31mred\x1b[2J", "\x1b]8;;http://evil.example\x07here\x1b]8;;\x07", "\x1b]0;title\x07", "\x1b]52;c;AAAA\x07",
    "\x9b31m", "\x9d0;t\x9c", "a\rb", "a\x08b", "a\x7fb", "\x00", "\u202ereversed\u202c", "\u2066isolate\u2069",
    "zero\u200bwidth", "join\u200d\u200cer", "\ufeffmark", "\U000e0041\U000e0042tag", "line\u2028end", "a\u0085b",
    "👩\u200d👩\u200d👧", "مرحبا", "e\u0301\u0302", "\u3164", "\ufffe",
)  # fmt: skip
FORMATS_THAT_SHOW = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


def is_harmless(text: str) -> bool:
    return all(
        character in "\n\t"
        or ord(character) in FORMATS_THAT_SHOW
        or 0x13430 <= ord(character) < 0x13440  # how hieroglyphs are set
        or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        for character in text
    )


def test_no_character_of_unicode_steers_the_terminal() -> None:
    assert is_harmless(plain("".join(map(chr, range(0x110000)))))


@given(st.text())
def test_what_is_harmless_stays(text: str) -> None:
    told = plain(text)
    assert is_harmless(told)
    assert plain(told) == told
    if is_harmless(text) and not set(text) & set("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u180b\u180c\u180d\u180f"):
        assert told == text or any(0xFFF0 <= ord(c) <= 0xFFFB or ord(c) >= 0xE0000 for c in text)


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("width", [1, 7, 20, 80])
def test_hostile_words_stay_words_in_lines_tables_and_bars(words: str, width: int) -> None:
    file = io.StringIO()
    console = SafeConsole(file=file, width=width, force_terminal=True, color_system=None)
    console.print(words)
    console.print(Text(words))
    table = Table(title=words, caption=words)
    table.add_column(words)
    table.add_row(words)
    console.print(table)
    with shown_on(console) as listener:
        stage: StageProgress = listener.stage(words[:20] or "x", 2)
        stage.read(lambda: {words: 1, "spent": words})
        stage.advance(1)
        stage.close()
    text = file.getvalue()
    ours = ("\x1b[?25l", "\x1b[?25h", "\x1b[2K", "\x1b[1A", "\r")
    for sequence in ours:
        text = text.replace(sequence, "")
    assert is_harmless(text), ascii(text)
    if width == 80 and words.isascii() and words.isprintable():
        assert text.count(words) >= 5


def test_links_and_hidden_styles_do_not_pass() -> None:
    file = io.StringIO()
    SafeConsole(file=file, force_terminal=True, color_system="truecolor").print(
        Text.from_ansi("\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\ \x1b[8mhidden\x1b[0m")
    )
    assert "evil" not in file.getvalue()
    assert "\x1b[8m" not in file.getvalue()


def test_a_guarded_stream_cleans_whoever_writes() -> None:
    inner = io.StringIO()
    print("\x1b[2Jone", "http://me:hunter22@host", file=SafeStream(inner))
    assert inner.getvalue() == "\\x1b[2Jone http://***@host\n"


def test_a_guarded_stream_is_one_of_text_to_those_who_try_it_with_bytes() -> None:
    """Help that was piped came out as b'Usage: ...', since click writes b"" to find out what it has."""
    inner = io.StringIO()
    click.echo("Usage: unicorn", file=SafeStream(inner))
    assert inner.getvalue() == "Usage: unicorn\n"
    with pytest.raises(TypeError, match="bytes"):
        SafeStream(inner).write(b"")


# ---------------------------------------------------------------- through the commands


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def hostile_lake(home: Path) -> None:
    """A lake whose texts, files, labels, reasons and answers are all hostile."""
    lake, words = tiny_lake(), " ".join(word for word in HOSTILE if "\0" not in word)
    for table in ("seeds", "seed_catalog"):
        for column in ("text", "file", "label"):
            lake.change(table, column, words)
    for column in ("text", "model", "prompt_version"):
        lake.change("captions", column, words)
        lake.change("caption_drafts", column, words)
    for column in ("reason", "detail", "raw_answer"):
        lake.change("quarantine/caption_drafts", column, words)
    lake.write(home / "lake")


COMMANDS = (
    ("status",), ("show", "captions"), ("show", "seeds"), ("show", "quarantine"), ("lineage", "c0000000000000000"),
    ("lineage", "s0000000000000000"), ("lineage", "s0000000000000004"), ("quarantine",), ("quarantine", "--rows", "3"),
    ("lineage", "\x1b[2J[/]"), ("show", "\u202e[/]"), ("show", "captions", "--where", "\x1b[2J[/bold]"), ("\x9b[/]",),
    ("show", "--\x1b[2J[/]"), ("show", "captions", "--rows", "\x1b[2J[/]"),
    ("run", "--recipe", "\x1b[2J\u202e[/].yaml"),
    ("doctor", "--recipe", "[/]\x1b]0;x\x07.yaml"), ("status", "--lake", "nix\x1b[2J[/]://a"),
)  # fmt: skip


@pytest.mark.parametrize("columns", ["1", "13", "200"])
@pytest.mark.parametrize("command", COMMANDS, ids=[ascii(" ".join(command)) for command in COMMANDS])
def test_no_command_passes_on_what_others_wrote(command: tuple[str, ...], columns: str, home: Path) -> None:
    hostile_lake(home)
    options = (
        ["--home", str(home)] if command[0] in ("status", "show", "lineage", "quarantine", "run", "doctor") else []
    )
    result = CliRunner().invoke(app, [*command, *options], env={"COLUMNS": columns})
    assert result.exit_code in (0, 1, 2)
    assert is_harmless(result.output), ascii(result.output)
    assert "Traceback" not in result.output
    assert "a fault of the program" not in result.output


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c[0] in ("status", "show", "lineage", "quarantine", "doctor")]
)
def test_json_is_one_document_also_on_errors(command: tuple[str, ...], home: Path) -> None:
    hostile_lake(home)
    result = CliRunner().invoke(app, [*command, "--json", "--home", str(home)])
    assert is_harmless(result.stdout)
    if "--rows" in command or any(word.startswith("--\x1b") for word in command):
        return  # a wrong option: there is no command yet that could print JSON
    found = json.loads(result.stdout, parse_constant=pytest.fail)
    assert (result.exit_code == 2) == (isinstance(found, dict) and "error" in found)
    if command == ("show", "captions"):
        words = " ".join(word for word in HOSTILE if "\0" not in word)
        assert [row["text"] for row in found if row["caption_id"] == "c0000000000000000"] == [words], "nothing is lost"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": float("nan"), "b": [float("inf"), -float("inf"), 1.5]}, {"a": None, "b": [None, None, 1.5]}),
        ({1: {2}, None: (True, None)}, {"1": [2], "None": [True, None]}),
        ([datetime(2026, 1, 1, tzinfo=UTC), Decimal("1.5"), 10**400], ["2026-01-01 00:00:00+00:00", "1.5", 10**400]),
        ("\ud800 \x1b \u202e \x7f \U000e0041", "\ud800 \x1b \u202e \x7f \U000e0041"),
    ],
)
def test_every_value_has_its_json(value: object, expected: object, capsys: pytest.CaptureFixture[str]) -> None:
    from unicorn_assets.terminal.console import print_json

    assert to_json(value) == expected
    print_json(value)
    printed = capsys.readouterr().out
    assert is_harmless(printed)
    assert json.loads(printed, parse_constant=pytest.fail) == expected


# ---------------------------------------------------------------- real processes


def unicorn(*arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    place = {"PYTHONPATH": str(Path(unicorn_assets.__file__).parents[1])}
    bare = {
        name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO", "COL"))
    }
    return subprocess.Popen(
        [sys.executable, "-m", "unicorn_assets", *arguments], env=bare | place | environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_that_has_seen_enough_ends_nothing_in_words(as_json: bool, home: Path) -> None:
    hostile_lake(home)
    with unicorn("show", "captions", "--home", str(home), *(["--json"] if as_json else [])) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(60) == 0
    assert errors == b""


def test_a_terminal_that_knows_ascii_only_gets_escapes_and_valid_json(home: Path) -> None:
    lake = tiny_lake()
    lake.change("captions", "text", "naïve 🐦 مرحبا")
    lake.write(home / "lake")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    for options in ([], ["--json"]):
        process = unicorn("show", "captions", "--home", str(home), *options, **ascii_only)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert output.isascii()
    rows = json.loads(output)
    assert "naïve 🐦 مرحبا" in [row["text"] for row in rows]
    assert SHARD


# ---------------------------------------------------------------- by construction

ELSEWHERE = {
    "terminal/console.py": {"Console"},
    "llm/endpoints/vllm_server.py": {"print"},  # children of ours that write to a log or a pipe, not to a terminal
    "llm/endpoints/embedded_server.py": {"print"},
    "export/unicorn_code/apply.py": {"print"},  # goes into a stranger's checkout, where our package is not
    "tools/pocket/train.py": {"print"},  # a tool for developers, behind `make train-pocket`
}


def test_nobody_prints_past_the_one_door() -> None:
    package = Path(unicorn_assets.__file__).parent
    found = []
    for path in sorted(package.rglob("*.py")):
        name = str(path.relative_to(package))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            used = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                used = node.func.id
            elif isinstance(node, ast.Attribute):
                used = ast.unparse(node)
            banned = ("print", "Console", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write")
            banned += ("Text.from_markup", "Text.from_ansi", "sys.stdout.buffer")
            if used in banned and used not in ELSEWHERE.get(name, set()):
                found.append(f"{name}:{node.lineno}: {used}")
    assert not found, "print through unicorn_assets/terminal/console.py"
