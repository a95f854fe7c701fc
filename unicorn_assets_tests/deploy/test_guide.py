"""docs/deploy.md: what it names exists."""

import re
import tomllib

from unicorn_assets.gpu import POOLS
from unicorn_assets_tests.deploy.test_instance_config import ENVIRONMENT, ROOT

GUIDE = (ROOT / "docs" / "deploy.md").read_text()


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", GUIDE, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def test_files_that_commands_name_exist():
    commands = " ".join(blocks("bash"))
    named = set(re.findall(r"(?<![\w/.])(?:deploy|recipes)/[\w./-]+|\bworkspace\.yaml", commands)) - {"deploy/.env"}
    assert "deploy/docker-compose.yaml" in named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_extras_of_the_guide_exist():
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extras in re.findall(r"EXTRAS=([a-z,]+)", GUIDE):
        assert set(extras.split(",")) <= set(known)


def test_every_variable_of_the_production_instance_is_set_in_the_guide():
    exports = " ".join(line for block in blocks("bash") for line in block.splitlines() if "export" in line)
    assert {name for name in ENVIRONMENT if f"{name}=" not in exports} == set()


def test_the_roles_and_tasks_of_ecs_are_those_of_the_files():
    folder = ROOT / "deploy" / "ecs"
    (roles,) = re.findall(r"for role in (.+); do", GUIDE)
    (tasks,) = re.findall(r"for task in (.+); do", GUIDE)
    assert {*roles.split(), "trust"} == {file.stem for file in (folder / "iam").glob("*.json")}
    assert {*tasks.split(), "services"} == {file.stem for file in folder.glob("*.json")}


def test_every_link_inside_the_page_has_its_heading():
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.+)$", GUIDE, re.M)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", GUIDE)) <= headings


def test_every_pool_is_explained():
    assert [pool for pool in POOLS if f"| `{pool}` |" not in GUIDE] == []


def test_the_charts_version_is_dagsters():
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    (version,) = re.findall(r"dagster/dagster --version (\S+)", GUIDE)
    assert f"dagster=={version}" in constraints
