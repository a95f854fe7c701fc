"""Damage at rest: one flipped bit at a time in the files of a finished lake, and whether anybody notices.

A silent change is a flip after which a table, vectors, an artifact or a release read as other data than before, while
`unicorn verify` finds nothing to say. Every flip goes through the command `verify` in this process, some through a
process of its own. Not here: the lake (walk.py makes it).
"""

import io
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDERS = ("tables", "vectors", "artifacts", "releases")


def has_verify() -> bool:
    """Whether this version has the command at all."""
    from unicorn_assets.cli import app

    return any(
        (command.name or getattr(command.callback, "__name__", "")) == "verify" for command in app.registered_commands
    )


def flip_bits(home: Path, flips: int, seed: int = 1) -> dict[str, Any]:
    """Flip `flips` bits of the lake of a home, one after the other, each file as often as any other."""
    lake = home / "lake"
    files = sorted(
        file
        for name in FOLDERS
        for file in (lake / name).rglob("*")
        if file.is_file() and not file.name.startswith(".")
    )
    if said := verify(home):
        raise RuntimeError(f"the lake is damaged before any flip: {said}")
    rng, counts, silent = random.Random(seed), Counter[str](), []
    for number in range(flips):
        file = files[number % len(files)]
        whole, about = file.read_bytes(), file.stat()
        place, bit = rng.randrange(len(whole)), rng.randrange(8)
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        before = rows_of(file.name, whole)
        file.write_bytes(damaged)
        changed = rows_of(file.name, bytes(damaged)) != before
        noticed = bool(verify(home))
        file.write_bytes(whole)
        counts["noticed" if noticed else "harmless"] += 1
        if changed and not noticed:
            silent.append(f"{file.relative_to(lake)}, byte {place} of {about.st_size}, bit {bit}")
    return {"flipped_bits": flips, "files": len(files), "silent_changes": len(silent), "silent": silent[:40], **counts}


def verify(home: Path, *options: str) -> str:
    """What `unicorn verify` says of a home; '' when it finds everything sound."""
    from typer.testing import CliRunner

    from unicorn_assets.cli import app

    done = CliRunner().invoke(app, ["verify", "--home", str(home), *options], env={"COLUMNS": "400"})
    return "" if done.exit_code == 0 else done.output or repr(done.exception)


def rows_of(name: str, data: bytes) -> Any:
    """What a reader gets from a file's bytes; `unreadable` when it gets nothing, which is no silent change."""
    import polars as pl
    from safetensors.numpy import load

    try:
        if name.endswith(".parquet"):
            return pl.read_parquet(io.BytesIO(data)).write_ndjson()
        if name.endswith(".safetensors"):
            return {key: (value.shape, value.tobytes()) for key, value in load(data).items()}
        if name.endswith(".json"):
            return json.dumps(json.loads(data), sort_keys=True)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        return "unreadable"
    return data


def together(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Several results as one."""
    total = Counter[str]()
    for result in found:
        total.update({key: value for key, value in result.items() if isinstance(value, int)})
    return {**total, "silent": [place for result in found for place in result.get("silent", ())]}


if __name__ == "__main__":
    folder, wanted, drawn_by = sys.argv[1:]
    print(json.dumps(flip_bits(Path(folder), int(wanted), int(drawn_by)) if has_verify() else {}))
