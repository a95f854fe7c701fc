"""The card (README.md) of a release, in the form that the Hugging Face Hub reads.

Here: words and tables. Every figure is handed in by the caller, who counted it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from unicorn_assets.recipe import Recipe, Source
from unicorn_assets.redaction import identify, redact
from unicorn_assets.release.facts import ReleaseFacts
from unicorn_assets.release.statistics import CaptionStatistics

TITLES = {"Pretrain": "Captions with synthetic image embeddings", "Instruction": "Instructions on captions"}
SHAPES = {
    "Pretrain": "one record per caption: a human turn with `<image>`, a gpt turn with the caption",
    "Instruction": "one multi-turn record per chosen caption; the first human turn carries `<image>`",
}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LIMITS = (
    "There are no images behind the records: each vector is a caption's text embedding moved to where image "
    "embeddings lie. A model trained on it must be tested on real images.",
    "Captions and instructions were written by a language model and checked by rules, not by people. They can be "
    "wrong about the world and carry the biases of the model and of the seeds.",
    "The transfer closes a part of the gap between text and images; the table above says which part was measured.",
    "One global vector per caption carries no layout, no small print and no exact counts.",
)
LOADING = """```python
import json
from pathlib import Path

from safetensors import safe_open

folder = Path(".")  # where this file is
records = json.loads((folder / "{stem}.json").read_text(encoding="utf-8"))
with safe_open(folder / "embeddings.safetensors", framework="numpy") as file:
    ids = [row.tobytes().rstrip(b"\\0").decode() for row in file.get_tensor("ids")]
    row_of = {{record_id: row for row, record_id in enumerate(ids)}}
    vectors = file.get_slice("vectors")  # stays on disk; indexing reads one row
    record = records[0]
    vector = vectors[row_of[str(record["id"])]]
print(record["conversations"][0]["value"], vector.shape, vector.dtype)
```"""
STREAMING = """From here, or from the Hub by its name, with `pip install datasets`:

```
from datasets import load_dataset

rows = load_dataset(".", split="train", streaming=True).with_format("arrow")
for table in rows.iter(batch_size=1000):
    captions = table["caption"].to_pylist()
    vectors = table["vector"].combine_chunks().flatten().to_numpy().reshape(len(captions), -1)
```"""
TRAINING = (
    "Each vector is float16, of length 1 up to that rounding, {dimension} numbers: compute with float32 or bfloat16, "
    "and give the projector an input of {dimension}.",
    "A vector stands for the whole image. The paper repeats it 576 times before the projector; a record's `<image>` is "
    "its place in the text.",
    "Trainers that load image files (LLaMA-Factory, TRL, Axolotl) cannot take these vectors; code that does not find a "
    "record's vector may train on nothing and say nothing. Have a missing id be an error.",
    "Bunny's templates: the tokenizer's one end-of-text token must be the template's (`sep2`), and where it is the "
    "padding too, a sample whose counts disagree is left out of the loss whole. The only sign is a printed "
    "`tokenization mismatch`. With another end of text no instruction record was learnt from at all.",
)
CITATION = """```bibtex
@article{yu2025unicorn,
  title   = {Unicorn: Text-Only Data Synthesis for Vision Language Model Training},
  author  = {Yu, Xiaomin and others},
  journal = {arXiv preprint arXiv:2503.22655},
  year    = {2025}
}
```"""


def card(
    stem: str, recipe: Recipe, facts: ReleaseFacts, manifest: Mapping[str, Any], rows: int,
    statistics: CaptionStatistics, origins: Mapping[tuple[str, str], int],
) -> str:  # fmt: skip
    """README.md of a release: YAML front matter, then Markdown."""
    title = f"{recipe.release.title or recipe.name}: {TITLES[stem]}"
    counts = manifest["counts"]
    sections = [
        _front_matter(title, stem, recipe, rows),
        f"# {title}\n\n{_introduction(stem, recipe, manifest, rows)}",
        _load(stem),
        "## How to train on it\n\n" + "\n".join(f"* {line.format(dimension=facts.dimension)}" for line in TRAINING),
        _sources(recipe, facts, counts["seeds_by_source"]),
        "## Models and prompts\n\n"
        + _table(
            ("model", "prompt", "records"),
            [(model, f"`{prompt}`", f"{count:,}") for (model, prompt), count in sorted(origins.items())],
        ),
        _stages(counts),
        _captions(statistics),
        _embeddings(facts),
        *_real_images(stem, facts),
        "## Known limits\n\n" + "\n".join(f"* {limit}" for limit in (*LIMITS, *facts.limits)),
        "## Licence\n\n" + recipe.release.license,
        *([f"## Notes\n\n{recipe.release.notes}"] if recipe.release.notes else []),
        "## How it was made\n\nThe method is Unicorn's; ReAlign is arXiv 2602.07026. Made with "
        + (", ".join(f"{name} {version}" for name, version in sorted(facts.packages.items())) or "unicorn-assets")
        + f".\n\nWhoever publishes with it cites the method, and the sources as their licences ask:\n\n{CITATION}",
    ]
    return redact("\n\n".join(sections)) + "\n"


def _front_matter(title: str, stem: str, recipe: Recipe, rows: int) -> str:
    license_name = recipe.release.license
    is_identifier = license_name and all(c.isalnum() or c in ".-" for c in license_name)
    unstated = "unknown" if license_name.startswith("unknown") else "other"
    data = {
        "pretty_name": title,
        "license": license_name.lower() if is_identifier else unstated,
        "task_categories": ["image-text-to-text"],
        "tags": ["synthetic", "text-only", "vision-language", "unicorn"],
        "size_categories": [next((name for limit, name in SIZES if rows < limit), "1M<n<10M")],
        "configs": [{"config_name": stem.lower(), "data_files": f"{stem}-*.parquet", "default": True}],
    }
    return "---\n" + yaml.safe_dump(data, sort_keys=False, allow_unicode=True) + "---"


def _introduction(stem: str, recipe: Recipe, manifest: Mapping[str, Any], rows: int) -> str:
    about = f"{recipe.about.strip()}\n\n" if recipe.about.strip() else ""
    files = [
        (f"`{stem}.json`", f"one JSON array; {SHAPES[stem]}"),
        (f"`{stem}.offsets.npy`", "where each record starts in it"),
        (f"`{stem}-*.parquet`", "the same records, the columns that tell where each one comes from, and `vector`"),
        ("`embeddings.safetensors`", "`vectors` (rows x dimension, fp16) and `ids`; row i belongs to record i"),
        ("`manifest.json`", "sha256, bytes and rows of each file, and the hashes of everything it was made of"),
    ]
    return (
        f"{about}{rows:,} records made from text alone, for training a vision-language model without images. "
        f"Version `{manifest['version']}` of `{manifest['asset']}`, recipe `{manifest['recipe']['name']}` "
        f"(`{manifest['recipe']['hash']}`).\n\n" + _table(("file", "what it holds"), files)
    )


def _load(stem: str) -> str:
    by_id = "`pip install safetensors numpy`, then in this folder:\n\n" + LOADING.format(stem=stem)
    return f"## How to load it\n\n{by_id}\n\n{STREAMING}"


def _sources(recipe: Recipe, facts: ReleaseFacts, seeds: Mapping[str, int]) -> str:
    rows = [
        (source.name, _files_of(source), source.domain, facts.licenses.get(source.name, "not stated"),
         f"{seeds.get(source.name, 0):,}")
        for source in recipe.sources
    ]  # fmt: skip
    return "## Sources\n\n" + _table(("source", "files", "domain", "licence", "seeds"), rows)


def _files_of(source: Source) -> str:
    files = (source.path, source.labels, source.templates)
    return ", ".join(f"`{identify(file)}`" for file in files if file)


def _stages(counts: Mapping[str, Any]) -> str:
    kept = [(stage, f"{rows:,}") for stage, rows in counts["rows"].items()]
    refused = [
        (stage, f"`{reason}`", f"{rows:,}")
        for stage, reasons in counts["quarantined"].items()
        for reason, rows in reasons.items()
    ]
    text = "## Rows per stage\n\n" + _table(("stage", "rows"), kept)
    if not refused:
        return text + "\n\nNo row was quarantined."
    return text + "\n\nRows that were set aside:\n\n" + _table(("stage", "reason", "rows"), refused)


def _captions(statistics: CaptionStatistics) -> str:
    rows = [
        ("words per caption, mean", f"{statistics.mean_words:.1f}"),
        ("words per caption, least", f"{statistics.min_words:,}"),
        ("words per caption, most", f"{statistics.max_words:,}"),
        ("type-token ratio of a caption, mean", f"{statistics.type_token_ratio:.3f}"),
        ("token entropy of a caption in bits, mean", f"{statistics.token_entropy:.3f}"),
    ]
    return "## Captions\n\n" + _table(("figure", "value"), rows)


def _embeddings(facts: ReleaseFacts) -> str:
    metrics = [*facts.gap_before, *(name for name in facts.gap_after if name not in facts.gap_before)]
    rows = [
        (name, _number(facts.gap_before.get(name)), _number(facts.gap_after.get(name)),
         " to ".join(_number(end) for end in facts.gap_interval.get(name, ())))
        for name in metrics
    ]  # fmt: skip
    text = (
        f"## Embeddings\n\nEncoder {facts.encoder} (revision {facts.encoder_revision}), {facts.dimension} dimensions; "
        f"transfer from text to image space: {facts.transfer}."
    )
    if not rows:
        return text + " The gap to real images was not measured."
    head = ("metric", "before", "after", "95 % interval of after")
    return text + " The gap to real images, measured on a sample:\n\n" + _table(head, rows)


def _real_images(stem: str, facts: ReleaseFacts) -> list[str]:
    """What to do with real images at use, and which file does it."""
    if not facts.transfer_version:
        return []
    text = "## Real images at use\n\n"
    if facts.moves_images:
        where = "`transfer.safetensors`" if stem == "Pretrain" else "`transfer.safetensors` of the pretraining release"
        text += (
            "These embeddings have lost the mean of the text side. Real images must lose theirs as well: encode them "
            f"with the encoder above, then move them with {where}, for example by\n\n"
            "```\nunicorn transfer apply --transfer transfer.safetensors --images images.npy --out moved.npy"
            "\n```\n\nor subtract its `image_mean` from each unit vector and make the result unit length again."
        )
    else:
        text += "Encode them with the encoder above and make them unit length; nothing else."
    if facts.noise_cosine:
        text += (
            f"\n\nThe method adds noise in training, drawn anew each time a vector is read, so that the cosine to the "
            f"stored vector is about {facts.noise_cosine:g}. The files hold no noise."
        )
    return [text]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    # A bar or a line break inside a cell would end it.
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)
