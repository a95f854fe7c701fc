"""What docs/encoders.md shows is valid, and says of the prompt and the tolerances what the code says."""

import re
from pathlib import Path

import pytest
import yaml

from unicorn_assets.encoders.llm2clip_loading import LLM2CLIP_ADAPTER, LLM2CLIP_TEXT
from unicorn_assets.encoders.llm2clip_prompt import render
from unicorn_assets.recipe_representation import Encoder, ImageReference

TEXT = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
SECTIONS = [part for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) for part in yaml.safe_load_all(block)]


@pytest.mark.parametrize("section", SECTIONS)
def test_examples_are_valid(section: dict[str, dict[str, object]]) -> None:
    ((name, settings),) = section.items()
    {"encoder": Encoder, "image_reference": ImageReference}[name].model_validate(settings)


def test_defaults_and_prompt_are_the_codes() -> None:
    assert len(SECTIONS) == 7
    assert LLM2CLIP_TEXT in TEXT
    assert LLM2CLIP_ADAPTER in TEXT
    begin, end = render("X").split("\n\nX")
    assert f"`{begin}`" in TEXT
    assert f"`{end}`" in TEXT


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "open_clip"}, "needs 'model'"),
        ({"kind": "pocket", "model": "ViT-B-32"}, "'pocket' has no 'model'"),
        ({"kind": "open_clip", "model": "x", "adapter": "y"}, "'open_clip' has no 'adapter'"),
        ({"kind": "llm2clip", "pretrained": "y"}, "'llm2clip' has no 'pretrained'"),
        ({"kind": "pocket", "precision": "fp16"}, "always computes in fp32"),
        (
            {"kind": "llm2clip", "adapter": "local-dir:x", "adapter_revision": "main"},
            "belongs to a model given as hf-hub",
        ),
    ],
)
def test_keys_that_have_no_effect_are_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Encoder.model_validate(settings)
