"""The shipped domain seeds: as many as the paper has, and none that a reader would find broken."""

from pathlib import Path

from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.seeds.templates import fill

RECIPES = Path(__file__).parents[2] / "recipes"


def lines(name: str) -> list[str]:
    return (RECIPES / name).read_text("utf-8").splitlines()


def test_eighteen_domains_of_labels_that_no_other_domain_has_times_ten_templates() -> None:
    recipe = load_recipe(RECIPES / "wordnet-domains.yaml")
    assert len(recipe.sources) == len({source.domain for source in recipe.sources}) == 18
    assert len({source.templates for source in recipe.sources}) == 6
    labels = [label for source in recipe.sources for label in lines(str(source.labels))]
    assert len(labels) == len(set(map(str.lower, labels))) == 10_700
    assert {source.templates_per_label for source in recipe.sources} == {10}
    assert not [label for label in labels if "_" in label or label != label.strip() or len(label) < 3]


def test_each_family_has_more_templates_than_a_label_takes_and_all_take_an_article() -> None:
    for file in sorted((RECIPES / "wordnet").glob("*.templates.txt")):
        templates = lines(f"wordnet/{file.name}")
        assert len(templates) == len(set(templates)) >= 20
        assert all(template.count("{label}") == 1 for template in templates)
        assert all(" a owl" not in f" {fill(template, 'owl')}".lower() for template in templates)
