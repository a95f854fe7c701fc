"""Modes walked from end to end: plan, run, look, then the same lake against a good server until it is whole."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from good_words import seed_text
from modes import HIDDEN, Mode
from plain_encoder import write_images
from processes import Ended, Lane
from verdicts import faults_of_output, faults_of_release, places_of, strict_json

GATES = {"min_pairs": 1, "max_pairs": 3}
PATIENCE_S, TIMEOUT_S = 4, 3
MOST_LINES = 60
GOOD = Mode("good", "good")


@dataclass
class Row:
    """What became of a mode: exit code, seconds and lines of the first run, its last line, and all that was found."""

    mode: str
    code: int = 0
    seconds: float = 0.0
    lines: int = 0
    last: str = ""
    plan_code: int | None = None
    calls: int = 0
    rss_mb: float = 0.0
    hangs: list[str] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)
    poisoned: list[str] = field(default_factory=list)
    keys_leaked: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not (self.hangs or self.tracebacks or self.poisoned or self.keys_leaked or self.untrue)


class Walk:
    """Modes that share a lake, one after the other, each with seeds of its own; then the lake is made whole."""

    def __init__(self, modes: Sequence[Mode], lane: Lane, folder: Path) -> None:
        self.modes, self.lane, self.folder = modes, lane, folder
        self.home, self.seeds, self.mode_of = folder / "home", [], dict[str, str]()
        self.outputs: list[str] = []
        self.rows: list[Row] = []
        self.row = Row("")
        self.keep = False

    def go(self) -> list[Row]:
        """All of it; the folder is removed when nothing was found."""
        self.folder.mkdir(parents=True)
        write_images(self.folder / "images.npy")
        for mode in self.modes:
            self.row = Row(mode.name)
            self.rows.append(self.row)
            self.attempt(mode)
        self.heal()
        if all(row.good for row in self.rows) and not self.keep:
            shutil.rmtree(self.folder)
        return self.rows

    def attempt(self, mode: Mode) -> None:
        """Plan and run against the server in this mode, then look at the lake."""
        first = len(self.seeds)
        for number in range(first, first + mode.seeds):
            seed = seed_text(number)
            self.seeds.append(seed)
            self.mode_of[seed] = mode.covers[number - first] if mode.covers else mode.name
        self.prepare(mode)
        self.lane.switch(mode.serve)
        row, before = self.row, len(self.outputs)
        if mode.plans:
            planned = self.command(mode, "plan", "--sample", "999", "--recipe", "recipe.yaml")
            row.plan_code = planned.code
            done = planned
        if mode.runs:
            done = self.command(mode, "run", "--recipe", "recipe.yaml")
        row.calls = self.lane.stats().get("chat", 0)
        row.code, row.seconds, row.lines, row.last = (
            done.code,
            round(done.seconds, 1),
            len(done.lines),
            (done.lines or [""])[-1][:200],
        )
        if done.code and len(done.lines) > MOST_LINES:
            row.untrue.append(f"{len(done.lines)} lines")
        if mode.runs:
            self.look(("status", "--json"))
        row.keys_leaked += places_of(HIDDEN, self.outputs[before:], self.home)

    def prepare(self, mode: Mode) -> None:
        """The seeds so far, and the recipe of a mode beside them."""
        (self.folder / "seeds.txt").write_text("\n".join(self.seeds) + "\n")
        written = recipe(mode, self.lane.url.removeprefix("http://"))
        (self.folder / "recipe.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")

    def look(self, *commands: tuple[str, ...]) -> None:
        """The commands that only look must work whatever became of the run."""
        for arguments in commands:
            done = self.command(GOOD, *arguments)
            if done.code not in (0, 2):
                self.row.untrue.append(f"{' '.join(arguments)}: exit {done.code}")
            if "--json" in arguments and done.code == 0 and (wrong := strict_json(done.output)):
                self.row.untrue.append(f"{' '.join(arguments)}: {wrong}")

    def heal(self) -> None:
        """The same lake against a good server, as its owner would mend it: run again, and retry what was refused."""
        self.lane.switch("good")
        self.prepare(GOOD)
        self.look(("quarantine",), ("quarantine", "--rows", "30"), ("status",))
        for _ in range(4):
            done = self.command(GOOD, "run", "--recipe", "recipe.yaml")
            faults = [] if done.code == 0 else [f"exit {done.code}: {(done.lines or [''])[-2:][0][:200]}"]
            faults += faults_of_release(self.home / "lake", self.seeds, lambda seed: self.mode_of.get(seed, "?"))
            if not faults or not self.granted():
                break
        self.look(("show", "captions", "--rows", "30"), ("show", "instructions", "--json", "--rows", "30"))
        self.row.poisoned += faults[:40]
        self.row.keys_leaked += [place for place in places_of(HIDDEN, self.outputs, self.home) if "output" not in place]

    def granted(self) -> bool:
        """Whether refused rows were given further drafts."""
        done = self.command(GOOD, "quarantine", "--json")
        try:
            stages = {group["stage"] for group in json.loads(done.output) if group.get("can_retry", True)}
        except ValueError:
            return False
        codes = [
            self.command(GOOD, "quarantine", "retry", "--stage", stage, "--drafts", "2", "--no-run").code
            for stage in sorted(stages)
        ]
        return 0 in codes

    def command(self, mode: Mode, *arguments: str) -> Ended:
        """A command on this home, with all that its output may not hold looked for."""
        clean = {name: "" for name in os.environ if name.startswith("UNICORN_")}
        environment = {**clean, "HOSTILE_KEY": mode.key, "UNICORN_HOME": str(self.home), "COLUMNS": "200"}
        done = self.lane.run(self.folder, environment, *arguments)
        self.outputs.append(done.output)
        said = " ".join(arguments[:2])
        self.row.rss_mb = max(self.row.rss_mb, round(done.rss_mb, 1))
        if done.hung:
            self.row.hangs.append(said)
        elif done.code not in (0, 1, 2, 3):
            self.row.untrue.append(f"{said}: exit {done.code}")
        for fault in faults_of_output(done.output):
            (self.row.tracebacks if fault == "traceback" else self.row.untrue).append(f"{said}: {fault}")
        log = {
            "mode": self.row.mode,
            "arguments": arguments,
            "code": done.code,
            "seconds": done.seconds,
            "rss_mb": done.rss_mb,
            "output": done.output[-6000:],
        }
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(log) + "\n")
        return done


def recipe(mode: Mode, address: str) -> dict[str, Any]:
    """The recipe of a mode: small gates, short patience, a shard for each mode's seeds."""
    llm: dict[str, Any] = {
        "endpoint": "url",
        "url": mode.url.replace("HOST", address),
        "model": "stub",
        "api_key_env": "HOSTILE_KEY",
        "max_drafts": 2,
        "max_attempts": 2,
        "concurrency": 4,
        "timeout_s": TIMEOUT_S,
        "patience_s": PATIENCE_S,
    }
    tasks = ("multiple_choice", "question_answering", "complex_reasoning")
    return {
        "name": "hostile",
        "shard_rows": 100 if mode.covers else 24,
        "sources": [{"name": "lines", "path": "seeds.txt"}],
        "llm": llm | mode.llm,
        "captions": {"gates": {"min_words": 15, "max_words": 120}},
        "instructions": {"share": 1.0} | {task: {"weight": 1, "gates": GATES} for task in tasks},
        "image_reference": {"kind": "vectors", "path": "images.npy"},
        "transfer": {"method": "mean_shift"},
        "checks": {
            "max_gap_after": 9,
            "max_separability_after": 1,
            "min_neighbour_overlap": 0,
            "min_accepted_captions": 0,
        },
    }
