"""Reading every file of a lake and of its releases to find what damage there is: `unicorn verify`.

Each kind of file proves itself in its own way (seals.py, the journal's checksums, a release's manifest); here is the
list of kinds, and what happens to what is damaged. What is set aside counts as not there, and the next run makes it
again from journal and parents. Not here: printing (the command line).
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unicorn_assets.generation.asked import read_asked
from unicorn_assets.graph import RELEASES
from unicorn_assets.lake.artifacts import NOTE
from unicorn_assets.lake.damage import ASIDE
from unicorn_assets.lake.owner import OWNER
from unicorn_assets.lake.redrives import read_grants
from unicorn_assets.lake.released import MANIFEST, latest_release, release_folder
from unicorn_assets.lake.shard_files import check_table, check_vectors, read_note
from unicorn_assets.lake.store import Lake
from unicorn_assets.lake.verdicts import read_verdict
from unicorn_assets.llm.journal.store import store_at
from unicorn_assets.llm.journal.upkeep import damaged_files, mend_files
from unicorn_assets.llm.spend.records import read_records
from unicorn_assets.release.verify import verify_release
from unicorn_assets.seals import is_whole, open_json, seal_json
from unicorn_assets.vectors.shard_statistics import read_statistics

RECORD = "verified.json"
"""What the last verification found, in the lake."""

LEFT_S = 86_400.0
"""A hidden file that nobody wrote to for so long is a killed writer's."""

_AGAIN = "the next `unicorn run` makes it again"
_CUT_AGAIN = "the next `unicorn run` cuts it again, if it is of what the lake holds now"
_SAVED = "what can be read of it is kept in a new part, and the rest is asked again"


@dataclass(frozen=True)
class Finding:
    """A damaged file or release: its name below the lake's root, what is wrong, what was done about it or is to do."""

    name: str
    reason: str
    remedy: str


@dataclass
class Checkup:
    """What a verification saw. `unsealed`: files from before there were seals: rows are checked, but not each bit;
    `leftovers`: hidden files that writers left behind which were killed a day ago or earlier.
    """

    at: str = ""
    files: int = 0
    bytes: int = 0
    unsealed: int = 0
    leftovers: int = 0
    repaired: bool = False
    findings: list[Finding] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class _Kind:
    """Files of one kind: where they are, what proves one (a ValueError says it is damaged), what the loss means."""

    folder: str
    suffix: str
    prove: Callable[[Lake, str, bytes], object]
    remedy: str = _AGAIN


def _artifact(lake: Lake, name: str, data: bytes) -> None:
    try:
        note = read_note(lake.files.read(name + NOTE))
    except FileNotFoundError:
        raise ValueError("its note is missing") from None
    except ValueError:
        return  # the note is found damaged itself
    if hashlib.blake2b(data, digest_size=16).hexdigest() != note.content:
        raise ValueError("it is not what its note says")


def _table(lake: Lake, name: str, data: bytes) -> None:  # noqa: ARG001 - all kinds are proved alike
    check_table(data)


def _vectors(lake: Lake, name: str, data: bytes) -> None:  # noqa: ARG001
    check_vectors(data)


_KINDS = (
    _Kind("tables/ledger", ".parquet", _table,
          "what earlier makings of this shard cost is forgotten; what was spent in all is kept in ledger/spend"),
    _Kind("tables", ".parquet", _table),
    _Kind("vectors", ".safetensors", _vectors),
    _Kind("signatures", ".safetensors", _vectors, "the next search for near duplicates makes it again"),
    _Kind("meanings", ".safetensors", _vectors, "the next search for near duplicates makes it again"),
    _Kind("statistics", ".safetensors", lambda _, __, data: read_statistics(data)),
    _Kind("artifacts", NOTE, lambda _, __, data: read_note(data)),
    _Kind("artifacts", "", _artifact),
    _Kind("verdicts", ".json", lambda _, __, data: read_verdict(data), "the next `unicorn run` checks again"),
    _Kind("redrives", ".json", lambda _, __, data: read_grants(data),
          "further drafts that were granted to this shard are forgotten: `unicorn quarantine retry` grants them again"),
    _Kind("asked", ".json", lambda _, __, data: read_asked(data),
          "the prompt of shards that were made with it is forgotten; the next shard that is made writes it again"),
    _Kind("ledger/spend", ".json", lambda _, name, data: read_records(name.rsplit("/", 1)[-1], data),
          "the budget forgets what this run has spent; bring the file back from a copy to have it"),
    _Kind("ledger/own", ".json", lambda _, name, data: read_records(name.rsplit("/", 1)[-1], data),
          "a budget of its own, such as the judge's, forgets what this run has spent"),
)  # fmt: skip


def examine(lake: Lake, repair: bool = False, on_file: Callable[[], object] = lambda: None) -> Checkup:
    """Read everything. `repair`: set aside what is damaged. Leaves a record of what was found in the lake."""
    checkup = Checkup(repaired=repair)
    for each in (_shards, _releases, _journal, _owner):
        for finding in each(lake, repair, checkup, on_file):
            checkup.findings.append(finding)
    checkup.leftovers = _leftovers(lake, repair)
    checkup.at = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        lake.files.write(RECORD, seal_json(checkup.to_dict()))
    except OSError:
        if not checkup.findings:  # a lake that may only be read can be verified all the same
            return checkup
    return checkup


def last_checkup(lake: Lake) -> Checkup | None:
    """What the last verification saw; None when there was none, or its record is damaged."""
    try:
        plain = open_json(lake.files.read(RECORD), ())
        return Checkup(**{**plain, "findings": [Finding(**each) for each in plain["findings"]]})
    except (FileNotFoundError, IsADirectoryError, ValueError, TypeError, KeyError):
        return None


def problem_of(lake: Lake, name: str) -> str | None:
    """What is wrong with one file of the lake (no journal part, no release); None when nothing is, or it is gone."""
    kind = next((kind for kind in _KINDS if name.startswith(f"{kind.folder}/") and name.endswith(kind.suffix)), None)
    return _proved(lake, name, kind)[2] or None if kind else None


def _proved(lake: Lake, name: str, kind: _Kind) -> tuple[int, bool, str]:
    """Bytes, whether the file is of before there were seals, and what is wrong with it."""
    try:
        data = lake.files.read(name)
        kind.prove(lake, name, data)
    except FileNotFoundError:  # replaced or merged meanwhile
        return 0, False, ""
    except IsADirectoryError:
        return 0, False, "it is a folder"
    except ValueError as error:
        return 0, False, str(error)
    return len(data), kind.prove in (_table, _vectors) and is_whole(data) is None, ""


def _shards(lake: Lake, repair: bool, checkup: Checkup, on_file: Callable[[], object]) -> Iterator[Finding]:
    todo: dict[str, _Kind] = {}
    for kind in _KINDS:
        names = [f"{kind.folder}/{name}" for name in lake.files.walk(kind.folder, kind.suffix) if ASIDE not in name]
        if not kind.suffix:  # no folders belong here: one that holds files lies where a file should
            names = [name[: (name + "/").index("/", len(kind.folder) + 1)] for name in names]
        for name in names:
            todo.setdefault(name, kind)
    with ThreadPoolExecutor(4) as pool:  # hashing lets go of the interpreter
        proved = pool.map(lambda item: _proved(lake, *item), todo.items())
        for (name, kind), (size, unsealed, reason) in zip(todo.items(), proved, strict=True):
            on_file()
            checkup.files, checkup.bytes = checkup.files + 1, checkup.bytes + size
            checkup.unsealed += unsealed
            if reason:
                yield Finding(name, reason, _set_aside(lake, name, repair, kind.remedy))


def _releases(lake: Lake, repair: bool, checkup: Checkup, on_file: Callable[[], object]) -> Iterator[Finding]:
    for asset in RELEASES:
        folder = f"releases/{asset}"
        versions = sorted({name.split("/")[0] for name in lake.files.walk(folder) if "/" in name and ASIDE not in name})
        for version in versions:
            name = release_folder(asset, version)
            on_file()
            inside = lake.files.walk(name)
            if lake.files.is_local or MANIFEST in inside:  # on S3 a release without one is in the making
                checkup.files += len(inside)
                checkup.bytes += sum(lake.files.size(f"{name}/{file}") for file in inside)
                problems = verify_release(lake.files.url(name), lake.storage_options)
                if problems:
                    yield Finding(name, "; ".join(problems), _set_aside(lake, name, repair, _CUT_AGAIN))
        latest = f"{folder}/LATEST"
        if lake.files.exists(latest) and latest_release(lake, asset) is None:
            yield Finding(latest, "it names no release", _set_aside(lake, latest, repair, _AGAIN))


def _journal(lake: Lake, repair: bool, checkup: Checkup, on_file: Callable[[], object]) -> Iterator[Finding]:
    store = store_at(lake.url, "journal", lake.storage_options or None)
    sizes = store.listing()
    checkup.files += len(sizes)
    checkup.bytes += sum(sizes.values())
    found = list(damaged_files(store))
    on_file()
    if repair:
        mend_files(store, [name for name, _ in found])
    remedy = f"set aside; {_SAVED}" if repair else f"the next `unicorn run` sets it aside: {_SAVED}"
    for name, reason in found:
        yield Finding(f"journal/{name}", reason, remedy)


def _owner(lake: Lake, repair: bool, checkup: Checkup, on_file: Callable[[], object]) -> Iterator[Finding]:
    """The recipe's name must be that which made the catalog."""
    on_file()
    made = lake.info("seed_catalog")
    if made is None or not lake.files.exists(OWNER):
        return
    checkup.files += 1
    right = f"{made.made.recipe}\n".encode()
    if lake.files.read(OWNER) != right:
        if repair:
            lake.files.write(OWNER, right)
        remedy = f"it was written again: {made.made.recipe}" if repair else "`unicorn verify --repair` writes it again"
        yield Finding(OWNER, f"the catalog was made by recipe {made.made.recipe!r}", remedy)


def _leftovers(lake: Lake, repair: bool) -> int:
    """How many there are, or were: nobody reads them, so a repair removes them."""
    names = lake.files.leftovers(LEFT_S)
    for name in names if repair else ():
        Path(lake.files.path(name)).unlink(missing_ok=True)
    return len(names)


def _set_aside(lake: Lake, name: str, repair: bool, remedy: str) -> str:
    if not repair:
        return remedy
    return f"set aside as {lake.files.set_aside(name, ASIDE)}; {remedy}"
