"""The whole graph through the real command line, with the real small LLM and the real encoder, as a user runs it.

One small data set is taken through its life: a run that is killed, the run that continues it, a run with nothing to do,
and a run after three new lines. Nothing is asked twice, and a release that is current is never written again.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.journal import Journal
from unicorn_assets.release import verify_release

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
DEMO = Path(__file__).parents[2] / "recipes" / "demo.yaml"
EVERYDAY = DEMO.parent / "seeds" / "everyday.jsonl"
SHARD, TOTAL = 9, 30  # seeds of a shard, and at last; fewer would give less than the 20 captions that a gap needs
LLM_TABLES = ("caption_drafts", "multiple_choice", "question_answering", "complex_reasoning")


@dataclass
class Project:
    """The demo's recipe over one growing text file, with a home of its own."""

    folder: Path

    @property
    def seeds(self) -> Path:
        return self.folder / "seeds.txt"

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "home" / "lake"))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "unicorn_assets", *arguments, "--home", str(self.folder / "home")]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=600, check=False)

    def build(self) -> str:
        done = self.run("run", "--recipe", str(self.folder / "recipe.yaml"))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stored_answers(self) -> int:
        with Journal.open(self.lake.url) as journal:
            return len(journal)

    def figures(self, name: str) -> int:
        """Sum of a figure over all shards of all tables that an LLM fills."""
        infos = [self.lake.info(t, s) for t in LLM_TABLES for s in self.lake.shards(t)]
        return sum(info.extra[name] for info in infos if info is not None)

    def releases(self) -> dict[str, int]:
        """Every file of every release with the time it was written."""
        root = Path(self.lake.files.path("releases"))
        return {str(file): file.stat().st_mtime_ns for file in root.glob("*/*/*")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    recipe = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    recipe |= {"name": "small", "sources": [{"name": "lines", "path": "seeds.txt"}], "shard_rows": SHARD}
    # The LLM's answers are most of the time, and pairs the longest of them. Weights: what this LLM can do, since a
    # release needs a record.
    recipe["instructions"]["share"] = 0.7
    recipe["instructions"]["question_answering"]["weight"] = 5
    recipe["instructions"]["complex_reasoning"]["weight"] = 1
    lines = [json.loads(line)["text"] for line in EVERYDAY.read_text(encoding="utf-8").splitlines()]
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    (folder / "seeds.txt").write_text("\n".join(lines[: 3 * SHARD]) + "\n", encoding="utf-8")
    (folder / "more.txt").write_text("\n".join(lines[3 * SHARD : TOTAL]) + "\n", encoding="utf-8")
    return Project(folder)


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_a_killed_run_continues_without_asking_again(project: Project) -> None:
    with subprocess.Popen(
        project.command("run", "--recipe", str(project.folder / "recipe.yaml")),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        journal = project.folder / "home" / "lake" / "journal"
        while process.poll() is None and size_of(journal) < 600:
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
    kept = project.stored_answers()
    assert kept > 0
    project.build()
    # Every call of the second run added an answer that was not there: none was asked again.
    assert project.figures("calls") == project.stored_answers() - kept


def test_its_releases_are_sound(project: Project) -> None:
    for release in ("unicorn_1_2m", "unicorn_471k_instruction"):
        version = project.lake.files.read(f"releases/{release}/LATEST").decode().strip()
        assert verify_release(project.lake.files.url(f"releases/{release}/{version}")) == []


def test_a_second_run_asks_nothing_and_changes_no_release(project: Project) -> None:
    answers, releases = project.stored_answers(), project.releases()
    assert "asked the LLM for 0 tokens" in project.build()
    assert project.stored_answers() == answers
    assert project.releases() == releases


def test_only_new_lines_are_generated(project: Project) -> None:
    before = {shard: project.lake.info("caption_drafts", shard) for shard in project.lake.shards("caption_drafts")}
    old_releases = project.releases()
    with project.seeds.open("a", encoding="utf-8") as file:
        file.write((project.folder / "more.txt").read_text(encoding="utf-8"))
    project.build()
    assert project.lake.shards("caption_drafts") == [*before, "lines-00003"]
    assert {shard: project.lake.info("caption_drafts", shard) for shard in before} == before
    new = project.lake.info("caption_drafts", "lines-00003")
    assert new is not None
    assert new.rows + sum(new.extra["quarantined"].values()) == TOTAL - 3 * SHARD
    assert old_releases.items() <= project.releases().items()


def test_s3_gives_the_very_same_releases(project: Project, s3_url: str) -> None:
    """With the answers copied over, nothing is asked, and the releases have the same versions and bytes."""
    bucket = Lake(f"{s3_url}/lake")
    journal = Path(project.lake.files.path("journal"))
    for file in (file for file in journal.rglob("*") if file.is_file()):
        bucket.files.write(f"journal/{file.relative_to(journal)}", file.read_bytes())
    # A home of its own, as another pod has; the seeds' shards depend on the order of growth, so they come along.
    catalog = project.lake.path("seed_catalog")
    bucket.files.write(catalog, project.lake.files.read(catalog))
    command = project.command("run", "--recipe", str(project.folder / "recipe.yaml"), "--lake", bucket.url)
    command[command.index("--home") + 1] = str(project.folder / "other-home")
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "asked the LLM for 0 tokens" in done.stdout
    for release in ("unicorn_1_2m", "unicorn_471k_instruction"):
        version = project.lake.files.read(f"releases/{release}/LATEST")
        assert bucket.files.read(f"releases/{release}/LATEST") == version
        manifest = f"releases/{release}/{version.decode().strip()}/manifest.json"
        assert bucket.files.read(manifest) == project.lake.files.read(manifest)


def test_status_show_and_lineage_tell_the_same_story(project: Project) -> None:
    status = json.loads(project.run("status", "--json").stdout)
    assert status["tables"]["seeds"]["rows"] == TOTAL
    rows = json.loads(project.run("show", "captions", "--rows", "100", "--json").stdout)
    assert len(rows) == status["tables"]["captions"]["rows"]
    chain = project.run("lineage", rows[0]["caption_id"], "--json")
    assert chain.returncode == 0
    assert rows[0]["seed_id"] in chain.stdout
    assert "seeds.txt" in chain.stdout


def test_a_lake_is_kept_for_one_recipe(project: Project) -> None:
    done = project.run("run", "--recipe", str(DEMO))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--home" in done.stderr
