"""A version follows what decides, by itself: code counts, words about it do not."""

import ast
import importlib.util
import io
import tokenize
from pathlib import Path

import pytest

from unicorn_assets import logic
from unicorn_assets.graph import ASKING, TASK_NAMES
from unicorn_assets.logic import logic_of
from unicorn_assets.stages import stages
from unicorn_assets_tests.scripted import recipe

GATE = '''"""A gate."""

import unicorn_assets.curation.words


def too_short(text: str) -> bool:
    """Whether a text is too short."""
    return len(text) < 3  # characters
'''


@pytest.fixture
def version_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The hash of a module with this source, in a deciding room."""
    monkeypatch.setattr(logic, "DECIDING", (*logic.DECIDING, "gate_under_test"))
    monkeypatch.syspath_prepend(str(tmp_path))

    def version(source: str) -> str:
        (tmp_path / "gate_under_test.py").write_text(source, encoding="utf-8")
        for cached in (logic_of, logic._code):
            cached.cache_clear()
        return logic_of("gate_under_test")

    yield version
    for cached in (logic_of, logic._code):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("< 3", "< 4", True),
        ("return len(text)", "return 0 + len(text)", True),
        ("import unicorn_assets.curation.words", "import unicorn_assets.curation.prose", True),
        ("# characters", "# signs", False),
        ('"""A gate."""', '"""A gate, in other words."""', False),
        ('    """Whether a text is too short."""\n', "", False),
        ("\n\n\n", "\n\n\n\n", False),
    ],
)
def test_code_counts_and_words_do_not(version_of, old: str, new: str, counts: bool) -> None:
    assert old in GATE
    assert (version_of(GATE) != version_of(GATE.replace(old, new))) is counts


def test_a_list_that_code_reads_counts(version_of, tmp_path: Path) -> None:
    (tmp_path / "nouns.txt").write_text("cat\n")
    without, reads = GATE, GATE + 'NOUNS = "nouns.txt"\n'
    before = version_of(without), version_of(reads)
    (tmp_path / "nouns.txt").write_text("dog\n")
    assert version_of(without) == before[0]
    assert version_of(reads) != before[1]


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        ("captions.stage", {"captions.gates", "curation.prose", "curation.words", "text", "generation.rounds"}),
        ("captions.accept", {"generation.stage"}),
        (
            "curation.near_duplicates",
            {"curation.words", "curation.spool", "curation.bands", "curation.signatures", "curation.meanings"},
        ),
        ("seeds.catalog", {"seeds.intake", "seeds.normalise", "seeds.csv_table", "seeds.templates", "seeds.shards"}),
        *(
            (f"instructions.{task}", {"instructions.gates", "instructions.answer", "curation.prose", "text"})
            for task in TASK_NAMES
        ),
        ("instructions.multiple_choice", {"instructions.multiple_choice.gates"}),
        ("instructions.complex_reasoning", {"instructions.complex_reasoning.gates"}),
    ],
)
def test_what_decides_is_found_from_where_the_stage_begins(module: str, wanted: set[str]) -> None:
    seen, todo = set[str](), [f"unicorn_assets.{module}"]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += [other for other in logic._code(name)[1] if logic._decides(other)]
    assert {f"unicorn_assets.{name}" for name in wanted} <= seen
    assert not any(name.startswith(("unicorn_assets.lake", "unicorn_assets.recipe")) for name in seen)


def test_every_deciding_room_is_there() -> None:
    """Names of modules as text do not follow when a module moves."""
    for room in logic.DECIDING:
        assert importlib.util.find_spec(room) is not None, room


@pytest.mark.parametrize("stage", ASKING)
@pytest.mark.parametrize(
    "module", ["llm.client.drafting", "llm.client.reply", "text", "curation.prose", "captions.gates"]
)
def test_what_judges_an_answer_enters_every_version_that_it_decides(
    stage: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = stages(recipe())[stage].version
    code = logic._code

    def changed(name: str) -> tuple[str, frozenset[str]]:
        text, imported = code(name)
        return (text + "\nCHANGED = 1" if name == f"unicorn_assets.{module}" else text), imported

    monkeypatch.setattr(logic, "_code", changed)
    logic_of.cache_clear()
    judges = module != "captions.gates" or stage == "caption_drafts"
    try:
        assert (stages(recipe())[stage].version != usual) is judges
    finally:
        logic_of.cache_clear()


def test_tasks_do_not_make_each_other_outdated() -> None:
    assert len({logic_of(f"unicorn_assets.instructions.{task}") for task in TASK_NAMES}) == len(TASK_NAMES)


def by_pythons_tokens(source: str) -> str:
    """A source without comments and docstrings, slowly."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


ODD = r'''
text = "# no comment" + '# nor this'  # one
text = f"{text!r}# no" ' \\' # one "with a text"
text = r"\\" + '\'# no'  # one
text = """a # no
# no "
""" + "\\\\"  # one 'without an end
match text:  # one
    case "#":
        import os  # one
try:
    pass
except* ValueError as error:  # one
    "words"
'''


def test_words_are_found_as_python_finds_them() -> None:
    """In the rooms that decide, in this file, and in what nobody writes."""
    rooms = [importlib.util.find_spec(room) for room in logic.DECIDING]
    places = [Path(room.origin) for room in rooms if room is not None and room.origin]
    files = [Path(__file__), *(f for p in places for f in (p.parent.glob("**/*.py") if p.stem == "__init__" else [p]))]
    assert len(files) > 60
    for source in [*(path.read_text("utf-8") for path in files), ODD]:
        assert logic._without_words(source, ast.parse(source)) == by_pythons_tokens(source)
