"""What is tried: each mode is a server's mode with the recipe, the keys and the number of seeds that go with it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from listener import GALLERY
from shapes import SHAPES
from wire_faults import FAULTS, MODELS

KEY = "sk-planted-4f9c1e77b2a0d6"
WORD = "planted-password-83c1"
QUERY = "planted-query-5d20"
TOGETHER = 16  # modes on one lake
HIDDEN = (KEY, WORD, QUERY)
"""Secrets that no output and no file below a home may hold."""


@dataclass(frozen=True)
class Mode:
    """One thing to try. `serve`: the server's mode; `llm`: changes of the recipe's llm section; `url`: a pattern with
    HOST in it; `seeds`: how many; `covers`: modes that this one stands for, such as the shapes of the
    gallery; `plans`, `runs`: which commands meet the server in this mode.
    """

    name: str
    serve: str
    llm: dict[str, Any] = field(default_factory=dict)
    url: str = "http://HOST/v1"
    key: str = KEY
    seeds: int = 3
    covers: tuple[str, ...] = ()
    plans: bool = True
    runs: bool = False


def all_modes() -> list[Mode]:
    """Every mode, in the order in which they run: the gallery first, for it takes longest."""
    gallery = [f"{where}-{shape}" for where, shape in GALLERY]
    modes = [Mode("gallery", "gallery", seeds=len(gallery), covers=tuple(gallery), plans=False, runs=True)]
    modes += [Mode(name, name) for name in ("good", *FAULTS, *MODELS)]
    later = [
        "hang",
        "500",
        "401",
        "302",
        "gzip-bomb",
        "endless",
        "reset",
        "die",
        "no-json",
        "deep-200",
        "usage-1e999",
        "400-deep",
        "head-broken",
        "429-day",
        "404",
    ]
    modes += [Mode(f"after7-{name}", f"after7-{name}") for name in later]
    modes += [
        Mode(f"every3-{name}", f"every3-{name}")
        for name in ("500", "reset", "hang", "no-json", "deep-200", "400", "gzip-bomb", "429")
    ]
    modes += [
        Mode(f"all-{name}", name)
        for name in ("surrogate", "brackets-2000", "think", "reasoning-only", "content-number", "evil")
    ]
    modes += [
        Mode(f"budget-{name}", name, llm={"budget": {"calls": 9}})
        for name in ("usage-missing", "usage-none", "usage-zero", "usage-negative", "good")
    ]
    modes += [
        Mode(f"tokens-{name}", name, llm={"budget": {"tokens": 3000}}) for name in ("usage-missing", "usage-zero")
    ]
    priced = {"budget": {"usd": 0.5}, "price": {"prompt": 100, "completion": 300}}
    modes += [Mode(f"usd-{name}", name, llm=priced) for name in ("usage-missing", "usage-huge")]
    return [replace(mode, runs=True) if mode.name in RUN.split() else mode for mode in modes + key_modes()]


RUN = """good 401 302 404 500-evil 400-deep 429-day hang gzip-bomb endless reset die usage-1e999 refuses-seed
after7-hang after7-401 every3-reset budget-usage-missing usd-usage-huge signed-500-echo key-newline url-nobody
models-hang"""
"""Modes that also meet `run`; the others meet `plan` alone, which asks about all their seeds by the same engine, gates
and journal, and a run over its journal against the good server afterwards. A run is the Dagster graph, ten times the
work. `--thorough` runs all.
"""


def key_modes() -> list[Mode]:
    """Keys in the environment, the address and the query, with servers that fail, echo, redirect or are not there."""
    signed = f"http://HOST/v1?api-key={QUERY}"
    modes = [
        Mode(f"signed-{name}", name, url=signed)
        for name in (
            "good",
            "401",
            "500-echo",
            "400-echo",
            "302",
            "models-404",
            "models-401-echo",
            "models-redirect",
            "echo-200",
            "reset",
            "hang",
            "404",
            "no-json",
        )
    ]
    modes += [
        Mode("url-password", "good", url=f"http://user:{WORD}@HOST/v1?api-key={QUERY}"),
        Mode("key-newline", "good", key=f"{KEY}\nX-More: 1"),
        Mode("key-control", "good", key=f"{KEY}\x07"),
        Mode("key-latin", "good", key=f"{KEY}\u00e9"),
        Mode("key-snowman", "good", key=f"{KEY}\u2603"),
        Mode("key-spaces", "good", key=f" {KEY} \n"),
        Mode("key-empty", "good", key=" "),
        Mode("url-nobody", "good", url=f"http://user:{WORD}@127.0.0.1:9/v1?k={QUERY}"),
        Mode("url-port", "good", url=f"http://user:{WORD}@127.0.0.1:99999/v1"),
        Mode("url-scheme", "good", url=f"ftp://user:{WORD}@HOST/v1?k={QUERY}"),
        Mode("url-space", "good", url=f"http://user:{WORD}@ho st/v1?k={QUERY}"),
        Mode("url-bracket", "good", url=f"http://user:{WORD}@[::1/v1?k={QUERY}"),
        Mode("url-tls", "good", url=f"https://user:{WORD}@HOST/v1?k={QUERY}"),
    ]
    return modes


def single(name: str) -> Mode:
    """A mode by name: of the list, or any mode of the server."""
    known = {mode.name: mode for mode in all_modes()}
    bare = re.sub(r"^(?:(?:after|every)\d+-)?(?:caption-|pairs-)?", "", name)
    if name not in known and bare not in {*SHAPES, *FAULTS, *MODELS}:
        raise SystemExit(f"there is no mode {name!r}")
    return known.get(name, Mode(name, name))


QUICK = """401 500-evil gzip-bomb usage-1e999 caption-surrogate caption-evil pairs-cut-mid pairs-role-tail
pairs-brackets-2000 models-404 signed-500-echo budget-usage-missing"""


def groups(modes: Sequence[Mode]) -> list[list[Mode]]:
    """Modes that share a lake; the gallery has one of its own."""
    rest = [mode for mode in modes if not mode.covers]
    lanes = max(1, -(-len(rest) // TOGETHER))
    return [[mode] for mode in modes if mode.covers] + [part for start in range(lanes) if (part := rest[start::lanes])]
