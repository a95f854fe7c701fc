"""Rounds of a night as values: what is asked for, in which order, with which bounds."""

from datetime import UTC, date, datetime

import pytest

from unicorn_assets.automation.night_plan import ROUNDS, NightState, Plan, next_round
from unicorn_assets.automation.night_settings import night_settings
from unicorn_assets.errors import UserError
from unicorn_assets.graph import ASSETS, RELEASES
from unicorn_assets.health import Cell, Health, State
from unicorn_assets.lake.store import ALL

SHARDS = [f"s-0000{number}" for number in range(4)]


def lake(**wrong: State) -> Health:
    """Everything is good but `asset__shard` or `asset`."""
    cells = {
        name: {shard: Cell(State.GOOD) for shard in (SHARDS if asset.by_shard else [ALL])}
        for name, asset in ASSETS.items()
    }
    for key, state in wrong.items():
        name, _, number = key.partition("__")
        cells[name][SHARDS[int(number)] if number else ALL] = Cell(state)
    return Health(SHARDS, cells, {})


def plan(health: Health, state: NightState | None = None, shards: int = 40, tries: int = 3) -> Plan:
    return next_round(health, state or NightState("n"), shards, tries, SHARDS)


def test_parts_end_with_what_is_made_over_all_shards() -> None:
    assert sorted(name for part in ROUNDS for name in part) == sorted(ASSETS)
    assert [part[-1] for part in ROUNDS[1:3]] == ["near_duplicates", "transfer"]
    assert ROUNDS[-1][-2:] == RELEASES


def test_nothing_is_asked_of_a_lake_in_order() -> None:
    assert plan(lake()).cells == {}
    assert plan(lake(captions__1=State.WARNED)).cells == {}


@pytest.mark.parametrize("state", [State.DAMAGED, State.FAILED, State.MISSING, State.STALE, State.UNCHECKED])
def test_what_is_wrong_is_made_with_all_of_its_part_that_is_made_of_it(state: State) -> None:
    cells = plan(lake(caption_drafts__2=state)).cells
    assert cells == {"caption_drafts": [SHARDS[2]], "near_duplicates": [ALL]}
    cells = plan(lake(instructions__2=state)).cells
    assert cells == {"instructions": [SHARDS[2]]}


def test_unregistered_shards_ask_for_a_catalog_and_only_the_first_round_does() -> None:
    found = next_round(lake(), NightState("n"), 40, 3, SHARDS[:2])
    assert found.cells == {"seed_catalog": [ALL]}
    later = NightState("n", round=1, asked={"seeds": {SHARDS[0]: 1}})
    assert "seed_catalog" not in next_round(lake(seed_catalog=State.STALE), later, 40, 3, SHARDS).cells


def test_a_night_that_made_something_ends_in_releases() -> None:
    state = NightState("n", round=1, asked={"instructions": {SHARDS[2]: 1}})
    assert plan(lake(), state).cells == {name: [ALL] for name in RELEASES}
    assert plan(lake(), state.asking({name: [ALL] for name in RELEASES})).cells == {}


def test_a_slice_is_made_and_the_release_waits_for_the_rest() -> None:
    health = lake(**{f"caption_drafts__{number}": State.STALE for number in range(4)})
    first = plan(health, shards=3)
    assert first.cells == {"caption_drafts": SHARDS[:3]}, "near duplicates wait for the fourth"
    assert first.waiting == [SHARDS[3]]
    state = NightState("n").asking(first.cells)
    health = lake(caption_drafts__3=State.STALE, near_duplicates=State.STALE)
    second = plan(health, state.settled(health), shards=3)
    assert (second.cells, second.waiting) == ({}, [SHARDS[3]])
    next_night = state.begun("n+1", "", {})
    assert plan(health, next_night, shards=3).cells == {"caption_drafts": [SHARDS[3]], "near_duplicates": [ALL]}


def test_a_shard_that_fails_is_tried_in_so_many_nights_and_the_others_go_on() -> None:
    state, health = NightState(), lake(caption_drafts__1=State.MISSING, captions__1=State.MISSING)
    for night in range(3):
        state = state.begun(str(night), "r", {})
        for _ in range(2):
            found = plan(health, state)
            assert found.cells["caption_drafts"] == [SHARDS[1]]
            state = state.asking(found.cells).settled(health)
        found = plan(health, state)
        assert found.cells == {name: [ALL] for name in RELEASES}, "without it"
        state = state.asking(found.cells).settled(health)
        assert plan(health, state).left == [f"caption_drafts/{SHARDS[1]}", f"captions/{SHARDS[1]}"]
    state = state.begun("3", "r", {})
    found = plan(health, state)
    assert (found.cells, found.stuck) == ({}, [f"caption_drafts/{SHARDS[1]}"])
    assert plan(health, state.begun("4", "another recipe", {})).cells, "another recipe is another try"
    assert state.settled(lake()).tries == {}, "somebody mended it"


def test_what_waited_for_a_failed_parent_was_not_tried() -> None:
    health = lake(seeds__1=State.MISSING, caption_drafts__1=State.MISSING)
    state = NightState("n")
    for _ in range(2):
        state = state.asking(plan(health, state).cells).settled(health)
    assert state.tries == {f"seeds/{SHARDS[1]}": 1}
    assert state.times("caption_drafts", SHARDS[1]) == 0


def test_a_lost_shard_that_cannot_be_made_stops_what_would_lack_its_rows() -> None:
    health = lake(caption_drafts__1=State.DAMAGED, near_duplicates=State.STALE)
    state = NightState("n", round=1, asked={"caption_drafts": {SHARDS[1]: 2}})
    assert plan(health, state).cells == {name: [ALL] for name in RELEASES}, "of the captions that there are"


def test_sources_that_cannot_be_read_stop_no_repair() -> None:
    health = lake(seed_catalog=State.STALE, instructions__1=State.DAMAGED)
    state = NightState("n", round=1, asked={"seed_catalog": {ALL: 1}})
    assert plan(health, state).cells == {"instructions": [SHARDS[1]]}


def test_a_bad_shard_that_a_check_found_and_its_neighbours_are_made_in_the_same_night() -> None:
    before = lake(captions__1=State.UNCHECKED, captions__2=State.STALE)
    state = NightState("n").asking(plan(before).cells)
    after = lake(captions__1=State.FAILED, multiple_choice__2=State.STALE)
    state = state.settled(after)
    assert state.tries == {}
    again = plan(after, state).cells
    assert (again["captions"], again["multiple_choice"]) == ([SHARDS[1]], SHARDS[1:3])
    assert state.asking(again).settled(after).tries == {
        f"captions/{SHARDS[1]}": 1, f"multiple_choice/{SHARDS[2]}": 1,
    }  # fmt: skip


def test_a_budget_is_no_try() -> None:
    health = lake(caption_drafts__1=State.MISSING)
    state = NightState("n").asking(plan(health).cells).asking(plan(health).cells)
    assert state.settled(health, budget_reached=True).tries == {}
    assert state.settled(health).tries


def test_a_state_survives_its_cursor() -> None:
    health = lake(caption_drafts__1=State.MISSING)
    state = NightState("n").asking(plan(health).cells)
    assert NightState.from_dict({**state.to_dict(), "of a later version": 1}) == state


@pytest.mark.parametrize(
    ("window", "moment", "night"),
    [
        ("01:00-06:00", "2026-03-01T01:00", date(2026, 3, 1)), ("01:00-06:00", "2026-03-01T06:00", None),
        ("22:00-05:00", "2026-03-01T23:00", date(2026, 3, 1)), ("22:00-05:00", "2026-03-02T04:59", date(2026, 3, 1)),
        ("22:00-05:00", "2026-03-02T05:00", None),
    ],
)  # fmt: skip
def test_a_night_is_named_after_its_first_day(window: str, moment: str, night: date | None) -> None:
    settings = night_settings({"UNICORN_NIGHT_WINDOW": window})
    assert settings.night_of(datetime.fromisoformat(moment).replace(tzinfo=UTC)) == night


def test_hours_are_those_of_the_zone() -> None:
    settings = night_settings({"UNICORN_NIGHT_ZONE": "Asia/Tokyo"})
    assert settings.night_of(datetime(2026, 3, 1, 17, tzinfo=UTC)) == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [("WINDOW", "1-6"), ("WINDOW", "25:00-26:00"), ("ZONE", "Mars/Base"), ("ZONE", "../etc"), ("SHARDS", "0"),
     ("TRIES", "many"), ("BUDGET", "usd"), ("BUDGET", "eur=5"), ("BUDGET", "usd=0"), ("INTERVAL", "-1")],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(UserError, match=f"UNICORN_NIGHT_{name}"):
        night_settings({f"UNICORN_NIGHT_{name}": value})


def test_budgets_are_read() -> None:
    assert night_settings({"UNICORN_NIGHT_BUDGET": "usd=2.5, calls=10"}).budget == {"usd": 2.5, "calls": 10}
