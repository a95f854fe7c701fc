"""A run follows one recipe: each step compares, whichever process it is in; a run's config may give a variant."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import RESUME_RETRY_TAG

from unicorn_assets.definitions import build_defs
from unicorn_assets.home import Home
from unicorn_assets.keys import asset_key
from unicorn_assets.lake.store import ALL, Lake
from unicorn_assets.partitions import PARTITION
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.resources.one_recipe import BEGUN_TAG, RECIPE_TAG, recipe_tag

RECIPE = "name: boat\nsources: [{name: lines, path: lines.txt}]\nllm: {}\n"
EDITED = f"{RECIPE}seeds: {{max_chars: 200}}\n"
VARIANT = f"{RECIPE}near_duplicates: {{threshold: 0.5}}\n"


class Steps:
    """Steps of runs on one instance; each loads the code location anew, as a process of its own would."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.recipe, self.lake, self.instance = folder / "boat.yaml", Lake(str(folder / "lake")), instance
        self.home = Home(folder / "home", self.lake.url, self.recipe)
        (folder / "lines.txt").write_text("a boat on a lake\na kite above it\n")
        self.write(RECIPE)

    def write(self, text: str) -> None:
        self.recipe.write_text(text)

    def step(self, asset: str, tags: dict[str, str] | None = None, variant: str = "", run: str | None = None):
        config = {"resources": {"recipe": {"config": {"variant": variant}}}} if variant else {}
        job = build_defs(self.home).resolve_implicit_global_asset_job_def()
        chosen = [asset_key("boat", asset)]
        return job.execute_in_process(
            asset_selection=chosen, instance=self.instance, raise_on_error=False, tags=tags, run_id=run,
            run_config=config,
        )  # fmt: skip

    def tags(self, result: dg.ExecuteInProcessResult) -> dict[str, str]:
        run = self.instance.get_run_by_id(result.run_id)
        assert run is not None
        return {key: run.tags[key] for key in (RECIPE_TAG, BEGUN_TAG)}


@pytest.fixture
def steps(tmp_path: Path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Steps(tmp_path, instance)


def refusal(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    return str(failure.step_failure_data.user_failure_data.description)


def test_a_step_that_finds_another_recipe_than_the_run_began_with_writes_nothing(steps: Steps) -> None:
    first = steps.step("seed_catalog")
    begun = steps.tags(first)
    assert begun == {RECIPE_TAG: recipe_tag(load_recipe(steps.recipe)), BEGUN_TAG: first.run_id}
    before = steps.lake.info("seed_catalog", ALL)
    steps.write(EDITED)
    other = "11111111-2222-3333-4444-555555555555"  # a step of a run that began with the recipe as it was
    said = refusal(steps.step("seed_catalog", begun | {BEGUN_TAG: other}, run=other))
    assert said.startswith("recipe 'boat' was edited since this run began")
    assert "launch a new run" in said
    assert steps.lake.info("seed_catalog", ALL) == before
    steps.write(RECIPE)
    assert steps.step("near_duplicates", begun).success, "of the same recipe, steps go on"


def test_who_launches_a_run_again_gets_todays_recipe_and_who_resumes_one_does_not(steps: Steps) -> None:
    inherited = steps.tags(steps.step("seed_catalog"))  # Dagster copies tags to a run that repeats another one
    steps.write(EDITED)
    assert "was edited" in refusal(steps.step("seed_catalog", inherited | {RESUME_RETRY_TAG: "true"}))
    again = steps.step("seed_catalog", inherited)
    assert again.success
    assert steps.tags(again)[RECIPE_TAG] != inherited[RECIPE_TAG]


def test_a_variant_is_tried_in_one_run(steps: Steps, tmp_path: Path) -> None:
    def version() -> str:
        info = steps.lake.info("near_duplicates", ALL)
        assert info is not None
        return info.made.code_version

    steps.step("seed_catalog")
    own = steps.step("near_duplicates")
    usual = version()
    (tmp_path / "variant.yaml").write_text(VARIANT)
    tagged = set()
    for given in (VARIANT, str(tmp_path / "variant.yaml")):
        tried = steps.step("near_duplicates", variant=given)
        assert tried.success
        assert version() != usual
        tagged.add(steps.tags(tried)[RECIPE_TAG])
    assert len(tagged) == 1
    assert tagged != {steps.tags(own)[RECIPE_TAG]}
    steps.step("near_duplicates")
    assert version() == usual


@pytest.mark.parametrize(
    ("what", "variant"),
    [
        ("name", RECIPE.replace("boat", "kite")),
        ("seeds", EDITED),
        ("sources", RECIPE.replace("lines.txt", "b.txt")),
    ],
)
def test_what_decides_about_shards_and_pods_is_no_variant(steps: Steps, what: str, variant: str) -> None:
    (steps.recipe.parent / "b.txt").write_text("a tram\n")
    for asset, tags in (("seed_catalog", {}), ("caption_drafts", {PARTITION: "lines-00000"})):
        assert f"must have the same {what}" in refusal(steps.step(asset, tags, variant=variant))
    assert not steps.lake.files.exists("recipe-name")
