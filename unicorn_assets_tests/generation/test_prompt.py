from pathlib import Path

import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.generation.prompt import load_prompt, parse_prompt
from unicorn_assets_tests.scripted import recipe

TEXT = "# system\nBe plain.\n\n# user\nSeed: {seed}\n\n# correction\nRefused: {problem}\n"


def test_turns_are_filled_in_and_a_correction_only_follows_a_problem():
    prompt = parse_prompt("p", TEXT, {"seed"}, set())
    first, again = prompt.render({"seed": "a {seed} {x}"}), prompt.render({"seed": "s"}, "too short")
    assert first == ({"role": "system", "content": "Be plain."}, {"role": "user", "content": "Seed: a {seed} {x}"})
    assert again[-1]["content"] == "Seed: s\n\nRefused: too short"


def test_version_names_the_file_and_changes_with_its_text():
    one = parse_prompt("folder/own.md", TEXT, {"seed"}, set())
    other = parse_prompt("folder/own.md", TEXT.replace("plain", "brief"), {"seed"}, set())
    assert one.version.startswith("own-")
    assert one.version != other.version
    assert one.version == parse_prompt("folder/own.md", TEXT.replace("\n", "\r\n"), {"seed"}, set()).version


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# user\nSeed {seed} {lable}", "unknown placeholder {lable}"),
        ("# user\nSeed", "lacks the placeholder {seed}"),
        ("# system\n{seed}\n# user\nGo", "lacks the placeholder {seed}"),
        ("# user\n{seed}\n# assistant\nx", "last turn must be '# user'"),
        ("Hello {seed}", "must start with"),
        ("", "must start with"),
        ("# system\n\n# user\n{seed}", "'# system' is empty"),
        ("# user\n{seed}\n# correction\n{seed}", "unknown placeholder {seed}"),
    ],
)
def test_a_faulty_prompt_is_named(text: str, says: str):
    with pytest.raises(UserError) as caught:
        parse_prompt("mine", text, {"seed"}, {"min_words"})
    assert says in caught.value.message


def test_json_braces_are_text():
    prompt = parse_prompt("p", '# user\nAnswer {"pairs": []} about {seed}', {"seed"}, set())
    assert prompt.render({"seed": "x"})[0]["content"] == 'Answer {"pairs": []} about x'


def test_own_file_is_found_beside_the_recipe_and_a_missing_one_lists_those_there_are(tmp_path: Path):
    (tmp_path / "mine.md").write_text(TEXT)
    own = recipe()
    own._folder = tmp_path
    assert load_prompt(tmp_path, "mine.md", own, {"seed"}, set()).name == "mine"
    with pytest.raises(UserError) as caught:
        load_prompt(tmp_path, "dense", own, {"seed"}, set())
    assert "mine" in caught.value.hint
