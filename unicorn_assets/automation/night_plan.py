"""What a night asks for next: values in, values out. It follows the graph, and asks for nothing twice.

The lake says what is not as the recipe wants it. What can be made now is what stands before the next asset over all
shards, with all that is made of it, and that asset itself: whether anything after it has to change shows only when it
is made. So a night is a few rounds, and after each the lake is asked again. Not here: Dagster (night.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from unicorn_assets.graph import ASSETS, RELEASES, Kind, ancestors, stretches
from unicorn_assets.health import Health, State
from unicorn_assets.lake.store import ALL

RIGHT = (State.GOOD, State.WARNED)
REFUSED = (State.DAMAGED, State.FAILED)  # by assets over all shards: a release would lack these rows
CATALOG = "seed_catalog"
TIMES = 2
"""How often a night asks for the same: the first time may only find that it is bad, or fail with a neighbour."""
Cells = Mapping[str, Sequence[str]]
"""Shards by asset, ALL for an asset over all shards."""


def rounds() -> tuple[tuple[str, ...], ...]:
    """The graph in parts: each ends with what is made over all shards, because the next part depends on its content."""
    found: list[tuple[str, ...]] = []
    for stretch in stretches(ASSETS):
        if found and not ASSETS[stretch[0]].by_shard and any(ASSETS[name].by_shard for name in found[-1]):
            found[-1] += stretch
        else:
            found.append(stretch)
    return tuple(found)


ROUNDS = rounds()


@dataclass(frozen=True)
class NightState:
    """A night so far, as it is kept between two looks. `night`: the day on which it began. `asked`: by asset and shard
    how often it was asked for this night; `last`: what the last round asked for. `tries`: by `asset/shard` in how many
    nights it did not become right. `ceiling`: what the lake's LLM may have spent at most when the night ends. `ended`:
    why it did.
    """

    night: str = ""
    round: int = 0
    recipe: str = ""
    asked: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    last: Cells = field(default_factory=dict)
    tries: Mapping[str, int] = field(default_factory=dict)
    ceiling: Mapping[str, float] = field(default_factory=dict)
    ended: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "NightState":
        """The inverse of to_dict; keys of other versions are left out."""
        return cls(**{each.name: plain[each.name] for each in fields(cls) if each.name in plain})

    def begun(self, night: str, recipe: str, ceiling: Mapping[str, float]) -> "NightState":
        """The next night, before its first round. Another recipe is another try."""
        return NightState(night, 0, recipe, tries=self.tries if recipe == self.recipe else {}, ceiling=ceiling)

    def times(self, asset: str, shard: str) -> int:
        """How often a cell was asked for this night."""
        return self.asked.get(asset, {}).get(shard, 0)

    def asking(self, cells: Cells) -> "NightState":
        """After asking for `cells`."""
        asked = {name: dict(row) for name, row in self.asked.items()}
        for name, shards in cells.items():
            asked.setdefault(name, {}).update({shard: self.times(name, shard) + 1 for shard in shards})
        return replace(self, round=self.round + 1, asked=asked, last=cells)

    def settled(self, health: Health, budget_reached: bool = False) -> "NightState":
        """After the last round: what became right is forgotten, what did not at the second time has one more try behind
        it. What did not because its parent did not was not asked for.
        """
        tries = {key: count for key, count in self.tries.items() if not _is_right(health, *key.split("/"))}
        asked = {name: dict(row) for name, row in self.asked.items()}
        failed = {(name, s) for name, shards in self.last.items() for s in shards if not _is_right(health, name, s)}
        for name, shard in failed:
            if any((parent, each) in failed for parent, each, _ in _made_of(health, name, shard)):
                asked[name][shard] -= 1
            elif asked[name][shard] >= TIMES and not budget_reached:
                tries[f"{name}/{shard}"] = tries.get(f"{name}/{shard}", 0) + 1
        return replace(self, tries=tries, last={}, asked=asked)


@dataclass(frozen=True)
class Plan:
    """What to ask for now (nothing: the night is over); shards that wait for the next night; what is stuck, and all
    that is not right, as `asset/shard`.
    """

    cells: Cells
    waiting: Sequence[str] = ()
    stuck: Sequence[str] = ()
    left: Sequence[str] = ()


def next_round(health: Health, state: NightState, shards: int, tries: int, registered: Sequence[str]) -> Plan:
    """The next round of a night that makes at most `shards` shards and tries one that fails in `tries` nights.

    `registered`: Dagster's partition keys; the catalog makes them those of the lake.
    """
    wrong = {
        (name, shard)
        for name, row in health.cells.items()
        for shard in row
        if not _is_right(health, name, shard)
    }  # fmt: skip
    if not state.round and set(registered) != set(health.shards):
        wrong.add((CATALOG, ALL))
    stuck = sorted(f"{name}/{shard}" for name, shard in wrong if state.tries.get(f"{name}/{shard}", 0) >= tries)
    left = sorted("/".join(cell) for cell in wrong)
    blocked = _blocked(health, state, wrong, set(stuck))
    todo = {cell for cell in wrong if cell not in blocked and not _is_done(state, *cell)}
    if state.round:  # what the sources hold by now is for the next night
        todo.discard((CATALOG, ALL))
    turn = _whose_turn(state, todo, shards)
    for part in ROUNDS:
        here = {(name, shard) for name, shard in todo if name in part}
        waiting = sorted({shard for name, shard in here if _is_limited(name) and shard not in turn})
        here = {(name, shard) for name, shard in here if not _is_limited(name) or shard in turn}
        if part[-1] in RELEASES and state.asked:  # a night that made anything ends in releases
            here |= {(name, ALL) for name in RELEASES if (name, ALL) not in blocked and not state.times(name, ALL)}
        if here:
            return Plan(_with_children(part, here, blocked, bool(waiting)), waiting, stuck, left)
        if waiting:
            return Plan({}, waiting, stuck, left)
    return Plan({}, (), stuck, left)


def _state(health: Health, asset: str, shard: str) -> State:
    """The state of a cell; of one that is no longer there, good."""
    cell = health.cells.get(asset, {}).get(shard)
    return cell.state if cell else State.GOOD


def _is_right(health: Health, asset: str, shard: str) -> bool:
    return _state(health, asset, shard) in RIGHT


def _is_done(state: NightState, asset: str, shard: str) -> bool:
    return state.times(asset, shard) >= TIMES


def _is_limited(asset: str) -> bool:
    """Whether making a shard of it counts: everything before the move does. What follows the move is cheap, and the
    release needs all of it.
    """
    return ASSETS[asset].by_shard and "transfer" not in ancestors(asset)


def _whose_turn(state: NightState, todo: set[tuple[str, str]], limit: int) -> set[str]:
    """Shards that this night may make: those that it began with, and others in their order as long as there is room."""
    turn = {shard for name, shards in state.asked.items() if _is_limited(name) for shard in shards}
    for shard in sorted({shard for name, shard in todo if _is_limited(name)} - turn):
        if len(turn) >= limit:
            break
        turn.add(shard)
    return turn


def _blocked(
    health: Health, state: NightState, wrong: set[tuple[str, str]], stuck: set[str]
) -> set[tuple[str, str]]:  # fmt: skip
    """What cannot be made tonight, because it or something that it is made of was tried tonight or too often."""
    given_up = {cell for cell in wrong if "/".join(cell) in stuck or _is_done(state, *cell)}
    blocked: set[tuple[str, str]] = set()
    for name, row in health.cells.items():
        for shard in row:
            cell = (name, shard)
            if "/".join(cell) in stuck or any(
                _stops(health, each, given_up | blocked) for each in _made_of(health, *cell)
            ):
                blocked.add(cell)
    return blocked


def _made_of(health: Health, asset: str, shard: str) -> Iterator[tuple[str, str, bool]]:
    """Parent cells of a cell, and whether they are many of which one may lack."""
    for parent in ASSETS[asset].parents:
        if not ASSETS[parent].by_shard:
            yield parent, ALL, False
        elif ASSETS[asset].by_shard:
            yield parent, shard, False
        else:
            yield from ((parent, each, True) for each in health.shards)


def _stops(health: Health, parent: tuple[str, str, bool], given_up: set[tuple[str, str]]) -> bool:
    """Whether a parent that will not become right tonight stops what is made of it. Of all shards one that was never
    made, or is only outdated, stops nothing; nor does a catalog of sources that cannot be read now.
    """
    asset, shard, is_one_of_many = parent
    if (asset, shard) not in given_up:
        return False
    state = health.cells[asset][shard].state
    if is_one_of_many:
        return state in REFUSED
    return not (asset == CATALOG and state is State.STALE)


def _with_children(
    part: Sequence[str], here: set[tuple[str, str]], blocked: set[tuple[str, str]], halved: bool
) -> dict[str, list[str]]:  # fmt: skip
    """What is asked for, with everything of this part that is made of it. `halved`: more shards wait for their turn, so
    that what is made over all shards waits for them too.
    """
    chosen: dict[str, set[str]] = {}
    for name in part:
        asset = ASSETS[name]
        shards = {shard for each, shard in here if each == name}
        for parent in (each for each in asset.parents if each in chosen):
            shards |= chosen[parent] if asset.by_shard else {ALL}
        shards = {shard for shard in shards if (name, shard) not in blocked}
        if not asset.by_shard and halved and asset.kind is not Kind.RELEASE:
            shards = set()
        if shards:
            chosen[name] = shards
    return {name: sorted(shards) for name, shards in chosen.items()}
