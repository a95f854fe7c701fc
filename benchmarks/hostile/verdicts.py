"""What must not be in an output or a release, judged without the platform's own gates; each says what it found."""

import contextlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import good_words

ROLES = re.compile(r"\b(?:user|assistant|human|system)\s*:|###", re.IGNORECASE)
MARKS = re.compile(r"<\|.*?\|>|\[/?INST\]|</?s>|<(?:start|end)_of_turn>|</?think\w*>|<image>|```")
ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-f]+|\w+);", re.IGNORECASE)
TAG = re.compile(r"</?[a-z][^>]*>", re.IGNORECASE)
BAD_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn"}
SHOWN = 60


def odd_characters(text: str, allowed: str = "") -> str:
    """Characters of control, format, surrogates, private use or no meaning, as code points; '' when there is none."""
    found = {char for char in text if char not in allowed and unicodedata.category(char) in BAD_CATEGORIES}
    return " ".join(f"U+{ord(char):04X}" for char in sorted(found))


def faults_of_text(text: str, whole: set[str]) -> Iterator[str]:
    """What is wrong with a text of a release; `whole` are the sentences that a good model wrote."""
    for name, pattern in (("role word", ROLES), ("chat mark", MARKS), ("entity", ENTITY), ("tag", TAG)):
        if found := pattern.search(text):
            yield f"{name} {found.group(0)!r} in {text[:SHOWN]!r}"
    if odd := odd_characters(text, "\n"):
        yield f"{odd} in {text[:SHOWN]!r}"
    # Quotation marks that came as entities are the model's own words.
    if re.sub(r"[\"']", "", text) not in whole:
        yield f"not what the model wrote whole: {text[-SHOWN:]!r}"


def faults_of_release(lake: Path, seeds: list[str], names: Callable[[str], str] = str) -> list[str]:
    """What is wrong with the newest releases of a lake, against what the good answers to its seeds are. `names` says
    what a seed is called in a finding.
    """
    faults: list[str] = []
    for asset, stem in (("unicorn_1_2m", "Pretrain"), ("unicorn_471k_instruction", "Instruction")):
        try:
            version = (lake / "releases" / asset / "LATEST").read_text().strip()
            records = json.loads((lake / "releases" / asset / version / f"{stem}.json").read_text())
        except OSError:
            faults.append(f"there is no release {asset}")
            continue
        said = [record["caption"] for record in records]
        missing = [seed for seed in seeds if not any(_is_about(caption, seed) for caption in said)]
        faults += [f"{asset} lacks {names(seed)}" for seed in missing]
        for record in records:
            seed = next((seed for seed in seeds if _is_about(record["caption"], seed)), "")
            faults += [f"{names(seed)}: {fault}" for fault in faults_of_record(record, seed, stem)]
    return faults


def _is_about(caption: str, seed: str) -> bool:
    return seed in re.sub(r"[\"']", "", caption)


def faults_of_record(record: dict[str, Any], seed: str, stem: str) -> Iterator[str]:
    """What is wrong with one record about a seed. Whole sentences may have been taken away, never a part of one."""
    caption, sentences = record["caption"], set(good_words.sentences_of(seed))
    for part in re.split(r"(?<=\.)\s+", caption):
        yield from faults_of_text(part, sentences)
    if stem == "Pretrain":
        return
    good = {text for task in ("choice", "free", "problem") for text in texts_of(task, seed, caption)}
    for turn in record["conversations"]:
        for line in turn["value"].removeprefix("<image>\n").split("\n"):
            yield from faults_of_text(re.sub(r"^(?:[A-D]|Step \d+|Answer): ", "", line), good | set("ABCD"))


def texts_of(task: str, seed: str, caption: str) -> Iterator[str]:
    """All texts of the good pairs about a caption."""
    for pair in good_words.pairs_of(task, seed, caption):
        yield from (pair["question"], pair["answer"], *pair.get("wrong_options", ()), *pair.get("steps", ()))


def faults_of_output(output: str) -> list[str]:
    """What a terminal must not get, and words that nobody should read."""
    faults = []
    if "Traceback (most recent call last)" in output:
        faults.append("traceback")
    if odd := odd_characters(output, "\n"):
        faults.append(f"characters {odd}")
    for word in (r"\bnan\b", r"\bNaN\b", r"-\d[\d.e-]* USD", r"a fault of the program"):
        if found := re.search(word, output):
            faults.append(f"says {found.group(0)!r}")
    return faults


def strict_json(text: str) -> str:
    """'' when a text is one JSON document without NaN and infinities, else what is wrong."""

    def refuse(word: str) -> Any:
        raise ValueError(f"holds {word}")

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError as error:
        return f"no JSON: {str(error)[:SHOWN]}"
    return ""


def places_of(secrets: tuple[str, ...], outputs: list[str], home: Path) -> list[str]:
    """Where secrets are: in outputs, in files below a home as bytes, or in the texts of its tables."""
    import polars as pl

    wanted = [form.encode() for secret in secrets for form in dict.fromkeys((secret, quote(secret, safe="")))]
    places = [
        f"output {number}"
        for number, output in enumerate(outputs)
        if any(w in output.encode("utf-8", "replace") for w in wanted)
    ]
    for file in sorted(file for file in home.rglob("*") if file.is_file()):
        data = file.read_bytes()
        if file.suffix == ".parquet":
            with contextlib.suppress(pl.exceptions.PolarsError, OSError):
                data += pl.read_parquet(file).write_ndjson().encode()
        if any(word in data for word in wanted):
            places.append(str(file.relative_to(home)))
    return places
