"""The Dockerfiles against the repository: there is no Docker engine on every machine that runs the tests."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "deploy" / name for name in ("Dockerfile", "Dockerfile.gpu")]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def lines(file: Path, keyword: str) -> list[str]:
    """Arguments of all instructions `keyword`; continued lines are joined."""
    text = file.read_text().replace("\\\n", " ")
    return [match[1].strip() for match in re.finditer(rf"^{keyword}\s+(.*)$", text, re.MULTILINE)]


def arguments(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines(file, "ARG"))


@each_file
def test_extras_exist(file):
    in_comments = re.findall(r"--build-arg EXTRAS=(\S+)", file.read_text())
    for extras in [arguments(file)["EXTRAS"], *in_comments]:
        assert set(extras.split(",")) <= set(EXTRAS)


def test_the_gpu_image_has_what_gpu_steps_need():
    """Encoders; a server of its own for each run is the exception, said in the file's head."""
    assert set(arguments(FILES[1])["EXTRAS"].split(",")) == {"deploy", "encode"}
    assert "-devel-" in re.findall(r"--build-arg CUDA=(\S+)", FILES[1].read_text())[0], "vLLM compiles"


@each_file
def test_the_launcher_becomes_part_of_the_instance(file):
    assert arguments(file)["LAUNCHER"] == "default"
    (append,) = [line for line in lines(file, "RUN") if "LAUNCHER" in line]
    assert append.endswith('cat "${LAUNCHER}.yaml" >> dagster.yaml')


@each_file
def test_every_argument_is_used_and_every_variable_declared(file):
    text = file.read_text()
    used = set(re.findall(r"\$\{([A-Z_]+)\}", text))
    assert used == set(arguments(file))


@each_file
def test_bases_are_pinned_to_a_version(file):
    known = arguments(file)
    for base in lines(file, "FROM"):
        image = re.sub(r"\$\{([A-Z_]+)\}", lambda match: known[match[1]], base.split()[0])
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+-[a-z0-9.-]+", image), image


@each_file
def test_containers_do_not_run_as_root(file):
    (user,) = lines(file, "USER")
    assert user == "10001"
    assert "useradd --uid 10001" in file.read_text()


@each_file
def test_versions_come_from_the_constraints(file):
    installs = [line for line in lines(file, "RUN") if re.search(r"\buv pip install\b", line)]
    assert installs
    for line in installs:
        assert "-c constraints.txt" in line or "--no-deps" in line


@each_file
def test_copied_files_exist_and_reach_the_build(file):
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    for line in lines(file, "COPY"):
        parts = [part for part in line.split() if not part.startswith("--chown")]
        if parts[0].startswith("--from"):
            continue
        for source in parts[:-1]:
            source = source.replace("${LAUNCHER}", arguments(file)["LAUNCHER"])
            assert (ROOT / source).exists(), source
            covers = [pattern for pattern in allowed if fnmatch(source, pattern) or source.startswith(f"{pattern}/")]
            assert covers, f"{source} is not in .dockerignore"


def test_the_declared_python_is_one_that_the_package_takes():
    version = re.match(r"(\d+)\.(\d+)", arguments(FILES[0])["PYTHON"])
    assert version is not None
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    lowest, below = (tuple(map(int, found)) for found in re.findall(r"(\d+)\.(\d+)", wanted))
    assert lowest <= (int(version[1]), int(version[2])) < below
