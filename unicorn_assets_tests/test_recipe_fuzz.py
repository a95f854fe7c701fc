"""Whatever a recipe says, `unicorn run` loads it or tells in a few lines what is wrong: 400 seeded mutations.

Each goes as far as it can without a model: `unicorn plan --sample 0` reads recipe,
sources and prompts, and asks nobody.
"""

import json
import random
import resource
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets.recipe import Recipe
from unicorn_assets_tests.costs import costs_at_most

SHIPPED = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))
MUTATIONS = 400
CHUNKS = 8

MAXIMAL: dict[str, Any] = {
    "name": "maximal", "about": "Every key.", "shard_rows": 10,
    "sources": [
        {"name": "rows", "path": "seeds.txt", "format": "text", "encoding": "utf-8", "license": "CC0-1.0",
         "domain": "open", "max_rows": 5, "columns": {"text": "text", "domain": "domain", "label": "label"}},
        {"name": "labels", "labels": "seeds.txt", "templates": "seeds.txt", "templates_per_label": 2},
    ],
    "seeds": {"min_chars": 3, "max_chars": 2000, "no_text": ["n/a"]},
    "llm": {
        "endpoint": "url", "model": "m", "revision": "r", "url": "http://127.0.0.1:9/v1",
        "urls": ["http://127.0.0.1:10"],
        "api_key_env": "NO_SUCH_KEY", "concurrency": 4, "slots": 2, "context": 2048, "timeout_s": 1.0,
        "start_timeout_s": 1.0,
        "patience_s": 1.0, "max_attempts": 2, "max_drafts": 2, "max_row_tokens": 1000, "max_answer_bytes": 100_000,
        "max_restarts": 1, "wire": {"omit": ["seed"], "rename": {"max_tokens": "max_completion_tokens"},
        "system": "role"},
        "gpus": 1, "gpu_hour_usd": 1.5,
        "vllm": {"tensor_parallel_size": 1, "dtype": "auto", "quantization": "fp8", "max_model_len": 4096,
                 "flags": ["--seed", "1"], "environment": {"A": "b"}, "start_timeout_s": 10.0},
        "price": {"prompt": 1.0, "completion": 2.0, "cached_prompt": 0.5},
        "budget": {"usd": 1.0, "tokens": 1000, "calls": 10},
    },
    "gates": "small",
    "language": "en",
    "captions": {
        "prompt": "short", "accept": {"share": 0.5, "more_drafts": 2, "exact": True},
        "sampling": {"temperature": 0.3, "top_p": 0.9, "max_tokens": 60, "top_k": 10, "min_p": 0.1,
        "repeat_penalty": 1.1,
                     "repetition_penalty": 1.1, "presence_penalty": 0.1, "frequency_penalty": 0.1, "stop": ["x"],
                     "extra": {"a": [1, {"b": "c"}]}},
        "gates": {"strict": False, "min_words": 5, "max_words": 50, "min_seed_overlap": 0.1,
                  "max_repeated_trigrams": 0.5, "max_faulty_sentences": 0.5, "max_sentences": 5},
    },
    "near_duplicates": {"threshold": 0.9, "shingle_chars": 5},
    "benchmarks": [{"name": "quiz", "path": "seeds.txt", "format": "csv",
                    "columns": {"texts": ["q"], "options": ["o"], "id": "i"}}],
    "instructions": {
        "share": 0.5,
        "multiple_choice": {"weight": 1, "prompt": "multiple_choice_small", "options_prompt": "wrong_options_small",
                            "gates": {"min_pairs": 1, "max_pairs": 3, "min_asked": 1, "extractive": False}},
        "question_answering": {"weight": 1.5, "gates": {"min_grounding": 0.5, "max_option_ratio": 3.0}},
        "complex_reasoning": {"weight": 0, "gates": {"min_pairs": 1, "max_pairs": 2, "max_steps": 3}},
    },
    "encoder": {"kind": "pocket", "width": "narrow", "device": "cpu", "precision": "fp32", "batch_tokens": 128},
    "image_reference": {"kind": "pocket", "name": "icons"},
    "transfer": {"method": "c3", "passes": 1, "passes_over": "sample", "noise_cosine": 0.7},
    "checks": {"min_accepted_captions": 0.1, "max_gap_after": 1.0, "min_source_cosine": -1.0},
    "release": {"title": "T", "license": "CC0-1.0", "notes": "none"},
}  # fmt: skip

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**18, 10**30, -(10**30), 1e308, -1e308, 5e-324, float("nan"), float("inf"),
    -float("inf"), 0.5,
    "", " ", "x", "ü", "\u202e", "\x1b[2J", "[/]", "a\nb", "../../x", "/dev/zero", "/dev/null", "/", ".", "~",
    "a" * 5_000, "x\0y",
    "s3://", "s3://b/k", "file:///etc/passwd", "http://", "http://[::1", "http://h:99999/v1", "http://h:x/v1",
    "ftp://a", "://",
    "nix://x/y", "http://me:hunter22@127.0.0.1:9/v1", "*", "[", "{label}", "{0.__class__}", "%s", "hf-hub:",
    "local-dir:",
    [], [[]], [None], {}, {"": 1}, {"a": {"b": [1]}}, ["x"] * 50, "2026-01-01", "1e999", "1_000", "yes",
    "null", "0x10", ".inf",
)  # fmt: skip
RAW: tuple[str, ...] = (
    "2026-01-01", "2026-02-30", "2026-01-01 10:00:00", "!!set {a, b}", "!!binary aGk=",
    "!!python/object:os.system {}", "!own x",
    "&a [*a]", "*nowhere", "{? [a] : b}", "{1: 2}", "{<<: {a: 1}}", "{a: 1, a: 2}", "[" * 10_000, "{a: " * 500,
    "0o17", "1:2:3",
    "9" * 5_000, "-.inf", ".nan", "1e400", "\t- x", "'unclosed", "|\n  text", "!!int abc", "!!float x", "~",
    "!!omap [a: 1]", "\x07",
    "&b [x,x,x,x,x,x,x,x,x,x]", "? ", "%TAG", "---", "...", "--- a\n--- b", "@x", "`x`", "!!str 5",
    "!!null ''", "!!timestamp x", "=",
)  # fmt: skip
CHOSEN = "HERE"


def test_the_maximal_recipe_has_every_key() -> None:
    """A new key of the recipe must be added above, or the fuzzer would pass it by."""
    missing: list[str] = []

    def compare(model: type[BaseModel], given: dict[str, Any], where: str) -> None:
        for name, field in model.model_fields.items():
            kinds = [k for k in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(k, type)]
            inner = next((k for k in kinds if issubclass(k, BaseModel)), None)
            if inner is None:
                if name not in given and where in (
                    "llm.",
                    "",
                    "captions.sampling.",
                    "seeds.",
                    "llm.vllm.",
                    "captions.gates.",
                ):
                    missing.append(where + name)
            elif isinstance(value := given.get(name, {}), dict):
                compare(inner, value, f"{where}{name}.")

    compare(Recipe, MAXIMAL, "")
    assert not missing, missing


def places(tree: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if at:
        yield at
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*at, key))


def put(tree: Any, at: tuple[str | int, ...], change: Callable[[Any, str | int], None]) -> None:
    for key in at[:-1]:
        tree = tree[key]
    change(tree, at[-1])


def mutated(number: int) -> bytes:
    """The text of the recipe number `number`."""
    rng = random.Random(number)
    tree = yaml.safe_load(yaml.safe_dump(MAXIMAL)) if rng.random() < 0.6 else load_plain(rng.choice(SHIPPED))
    at = rng.choice(list(places(tree)))
    kind = rng.choice(["value"] * 6 + ["raw"] * 4 + ["remove", "rename", "swap", "bytes", "cut", "repeat"])
    if kind == "value":
        put(tree, at, lambda section, key: section.__setitem__(key, rng.choice(VALUES)))
    elif kind == "raw":
        put(tree, at, lambda section, key: section.__setitem__(key, CHOSEN))
    elif kind == "remove":
        put(tree, at, lambda section, key: section.__delitem__(key))
    elif kind == "rename":
        put(
            tree,
            at,
            lambda section, key: section.append(1) if isinstance(section, list) else section.update({f"{key}s": 1}),
        )
    elif kind == "swap":
        value = deepcopy(rng.choice([tree[name] for name in sorted(tree)]))  # a copy: no tree holds itself
        put(tree, at, lambda section, key: section.__setitem__(key, value))
    text = yaml.dump(tree, Dumper=Plain, sort_keys=False, allow_unicode=True, width=10_000)
    if kind == "raw":
        text = text.replace(CHOSEN, rng.choice(RAW), 1)
    raw = text.encode("utf-8", "surrogatepass")
    if kind == "bytes":
        where = rng.randrange(len(raw))
        raw = raw[:where] + rng.randbytes(rng.randint(1, 4)) + raw[where + 1 :]
    elif kind == "cut":
        raw = raw[: rng.randrange(len(raw))]
    elif kind == "repeat":
        raw = raw.replace(b"\n", rng.choice([b"\r", b"\r\n", b"\n\n", b"\n\t", b"\x85", b" "]), rng.randint(1, 50))
        raw = rng.choice([b"", b"\xef\xbb\xbf", b"\xff\xfe", b"%YAML 9.9\n---\n"]) + raw
    return raw


class Plain(yaml.SafeDumper):
    """Writes no aliases of its own."""

    def ignore_aliases(self, data: Any) -> bool:
        return data is not self


def load_plain(path: Path) -> Any:
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    # Nothing is there to be read, no model is started and nobody answers.
    tree["sources"] = [source | ({"path": "seeds.txt"} if "path" in source else {"labels": "seeds.txt",
    "templates": "seeds.txt"})
                       for source in tree["sources"]]  # fmt: skip
    tree["llm"] = {**tree["llm"], "endpoint": "url", "url": "http://127.0.0.1:9/v1", "timeout_s": 1}
    return tree


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seeds.txt").write_text("a photo of a {label} on a lake\n", encoding="utf-8")
    return tmp_path


def unicorn(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def planned(recipe: Path, home: str = "home") -> Result:
    return unicorn("plan", "--json", "--sample", "0", "--recipe", str(recipe), "--home", str(recipe.with_name(home)))


def is_planned_in_time(recipe: Path) -> bool:
    whole = recipe.with_name("whole.yaml")
    whole.write_text(yaml.dump(MAXIMAL))
    return costs_at_most(30, lambda: planned(recipe), lambda: planned(whole))


def is_said_well(result: Result) -> None:
    assert result.exit_code in (0, 2), result.output[:3000]
    json.loads(result.stdout, parse_constant=pytest.fail)
    assert result.stderr.count("\n") <= 10, result.stderr[:3000]
    assert ("error " in result.stderr) == (result.exit_code == 2), result.stderr[:3000]
    assert "Traceback" not in result.output
    assert "a fault of the program" not in result.output, result.output[:3000]
    assert all(len(line) < 2_000 for line in result.stderr.splitlines()), result.stderr[:3000]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_mutation_is_loaded_or_told_in_a_few_lines(chunk: int, folder: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loaded = 0
    for number in range(chunk, MUTATIONS, CHUNKS):
        file = folder / "recipe.yaml"
        file.write_bytes(mutated(number))
        began = time.thread_time()
        result = planned(file, f"home-{number}")
        took = time.thread_time() - began
        try:
            is_said_well(result)
        except AssertionError as error:
            raise AssertionError(f"mutation {number}: {error}\n{file.read_bytes()[:1500]!r}") from None
        if took > 5:
            assert is_planned_in_time(file), number
        loaded += result.exit_code == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000, "in kB"
    assert loaded, "some mutations change nothing that matters"
