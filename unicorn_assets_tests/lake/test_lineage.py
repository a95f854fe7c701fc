import json
from typing import Any

import polars as pl
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.lake import find
from unicorn_assets.lake.lineage import Lineage, Step, trace
from unicorn_assets.lake.store import ALL, Lake
from unicorn_assets.release import release_instruction, release_pretrain
from unicorn_assets_tests.small_lake import MODEL, PROMPT, SHARDS, facts, fill, small_recipe


def with_releases(lake: Lake) -> Lake:
    fill(lake)
    release_pretrain(lake, small_recipe(), SHARDS, facts())
    release_instruction(lake, small_recipe(), SHARDS, facts())
    return lake


@pytest.fixture
def full(disk_lake: Lake) -> Lake:
    return with_releases(disk_lake)


def test_s3_gives_the_same_chain(full: Lake, s3_url: str) -> None:
    remote = with_releases(Lake(s3_url))
    instruction = full.read("instructions", SHARDS[0]).row(0, named=True)
    for row_id in (instruction["instruction_id"], instruction["caption_id"], instruction["seed_id"]):
        assert trace(remote, row_id) == trace(full, row_id)


def path_to_asked(lineage: Lineage) -> list[Step]:
    """Steps from the top down to the row that was asked for."""

    def walk(step: Step, above: list[Step]) -> list[list[Step]]:
        here = [*above, step]
        return ([here] if step.asked else []) + [path for child in step.children for path in walk(child, here)]

    paths = [path for step in lineage.steps for path in walk(step, [])]
    assert len(paths) == 1
    return paths[0]


def kinds(steps: tuple[Step, ...]) -> list[str]:
    return sorted(step.kind for step in steps)


def test_a_seed_s_chain_goes_up_to_its_file_and_down_to_the_releases(full: Lake) -> None:
    seed = full.read("seeds", SHARDS[1]).row(0, named=True)
    lineage = trace(full, seed["seed_id"])
    assert (lineage.kind, lineage.shard) == ("seed", SHARDS[1])
    source, found = path_to_asked(lineage)
    assert (source.kind, source.id) == ("source", "birds.csv:5")
    assert source.facts == {"source": "birds", "file": "birds.csv", "row": 5}
    assert found.facts["text"] == seed["text"]
    assert (found.facts["recipe"], found.facts["code_version"]) == ("recipe-1", "seeds-1")
    (caption,) = found.children
    assert caption.facts["model"] == MODEL
    assert caption.facts["prompt_version"] == PROMPT
    assert caption.facts["request_hash"] == "ab" * 16
    assert caption.facts["code_version"] == "captions-1"
    assert kinds(caption.children) == ["image_embedding", "instruction", "near_duplicate", "release"]
    instruction = next(step for step in caption.children if step.kind == "instruction")
    assert kinds(instruction.children) == ["release"]


def test_an_embedding_is_found_by_its_row(full: Lake) -> None:
    caption_id = full.read("captions", SHARDS[0])["caption_id"][0]
    caption = path_to_asked(trace(full, caption_id))[-1]
    facts_ = next(step for step in caption.children if step.kind == "image_embedding").facts
    ids, _ = full.read_vectors("image_embeddings", SHARDS[0])
    assert (facts_["shard"], facts_["row"]) == (SHARDS[0], ids.index(caption_id))
    assert facts_["norm"] == pytest.approx(1, abs=1e-3)


def test_an_instruction_s_chain_leaves_out_what_it_was_not_made_of(full: Lake) -> None:
    instruction = full.read("instructions", SHARDS[2]).row(0, named=True)
    path = path_to_asked(trace(full, instruction["instruction_id"]))
    assert [step.kind for step in path] == ["source", "seed", "caption", "instruction"]
    assert path[2].id == instruction["caption_id"]
    assert path[3].facts["task"] == "question_answering"
    assert path[1].facts["label"] == "wren"
    assert path[1].facts["template"].startswith("a photo of a {label}")
    (release,) = path[3].children
    assert release.id.startswith("unicorn_471k_instruction/")
    assert release.facts["latest"] is True
    records = json.loads(full.files.read(f"releases/{release.id}/Instruction.json"))
    assert records[release.facts["record"]]["id"] == instruction["caption_id"]


def test_only_releases_that_hold_the_caption_are_named(full: Lake) -> None:
    partial = release_pretrain(full, small_recipe(), SHARDS[:1], facts())
    held = {
        shard: {
            step.id: step.facts["latest"]
            for step in path_to_asked(trace(full, full.read("captions", shard)["caption_id"][0]))[-1].children
            if step.kind == "release"
        }
        for shard in SHARDS[:2]
    }
    name = f"unicorn_1_2m/{partial.version}"
    assert held[SHARDS[0]][name] is True
    assert len(held[SHARDS[0]]) == 2
    assert name not in held[SHARDS[1]]
    assert list(held[SHARDS[1]].values()) == [False]


def test_a_refused_seed_tells_why(full: Lake) -> None:
    refused = full.read("quarantine/caption_drafts", SHARDS[0]).row(0, named=True)
    path = path_to_asked(trace(full, refused["row_id"]))
    (quarantine,) = path[-1].children
    assert quarantine.kind == "quarantine"
    assert quarantine.facts["reason"] == "too_short"
    assert quarantine.facts["raw_answer"] == "A bird sits."
    assert quarantine.facts["attempts"] == 3


def test_a_near_duplicate_names_the_caption_it_repeats_and_the_other_way_round(full: Lake) -> None:
    pair = full.read("near_duplicates").row(0, named=True)
    repeat = path_to_asked(trace(full, pair["caption_id"]))[-1]
    assert repeat.facts["accepted"] is False
    assert kinds(repeat.children) == ["near_duplicate", "quarantine"]
    original = path_to_asked(trace(full, pair["duplicate_of"]))[-1]
    assert next(step for step in original.children if step.kind == "near_duplicate").id == pair["caption_id"]


def test_rows_refused_before_they_were_seeds_are_found_by_file_and_row(full: Lake) -> None:
    row = full.read("quarantine/captions", SHARDS[0]).head(1)
    made = full.info("seed_catalog")
    assert made is not None
    unread = row.to_dicts()[0] | {"stage": "seed_catalog", "row_id": "birds.csv:99", "parent_id": None}
    full.write("quarantine/seed_catalog", ALL, pl.from_dicts([unread], schema=row.schema), made.made)
    lineage = trace(full, "birds.csv:99")
    assert [step.kind for step in lineage.steps] == ["quarantine"]
    assert path_to_asked(lineage)[0].facts["stage"] == "seed_catalog"


def test_a_row_that_only_quarantine_knows_hangs_below_its_parent(full: Lake) -> None:
    caption_id = full.read("captions", SHARDS[0])["caption_id"][1]
    row = full.read("quarantine/captions", SHARDS[0])
    refused = row.to_dicts()[0] | {"stage": "multiple_choice", "row_id": "i-refused", "parent_id": caption_id}
    made = full.info("captions", SHARDS[0])
    assert made is not None
    full.write("quarantine/multiple_choice", SHARDS[0], pl.from_dicts([refused], schema=row.schema), made.made)
    path = path_to_asked(trace(full, "i-refused"))
    assert [step.kind for step in path] == ["source", "seed", "caption", "quarantine"]
    assert path[2].id == caption_id


def test_a_file_and_row_lead_to_the_seed(full: Lake) -> None:
    seed = path_to_asked(trace(full, full.read("seeds", SHARDS[1])["seed_id"][0]))[-1]
    (source,) = trace(full, "birds.csv:5").steps
    assert source.asked
    assert [step.id for step in source.children] == [seed.id]


def test_unknown_ids_are_answered_with_near_ones_or_with_what_ids_look_like(full: Lake) -> None:
    caption_id = full.read("captions", SHARDS[0])["caption_id"][0]
    with pytest.raises(UserError) as wrong_end:
        trace(full, caption_id[:-1] + ("0" if caption_id[-1] != "0" else "1"))
    with pytest.raises(UserError) as cut_off:
        trace(full, caption_id[:8])
    assert f"did you mean {caption_id}?" in wrong_end.value.hint
    assert f"did you mean {caption_id}?" in cut_off.value.hint
    for row_id in ("nonsense", "", "'; DROP TABLE seeds; --"):
        with pytest.raises(UserError, match="has the id") as unknown:
            trace(full, row_id)
        assert "(caption)" in unknown.value.hint


@pytest.mark.parametrize("at_a_time", [1, 2, 64])
def test_files_and_sql_find_the_same_rows(full: Lake, at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "AT_A_TIME", at_a_time)
    seed = full.read("seed_catalog").row(-1, named=True)
    draft = full.read("caption_drafts", SHARDS[-1]).row(-1, named=True)
    record = full.read("instructions", SHARDS[0]).row(0, named=True)
    places: list[tuple[str, dict[str, Any]]] = [
        ("seed_catalog", {"seed_id": seed["seed_id"]}),
        ("seed_catalog", {"file": seed["file"], "row": seed["row"]}),
        ("caption_drafts", {"caption_id": draft["caption_id"]}),
        ("caption_drafts", {"request_hash": draft["request_hash"]}),
        ("instructions", {"instruction_id": record["instruction_id"]}),
        ("captions", {"caption_id": draft["caption_id"] + "0"}),
        ("complex_reasoning", {"instruction_id": record["instruction_id"]}),
    ]
    found = [find._in_files(full, table, where) for table, where in places]
    assert found == [find._by_sql(full, table, where) for table, where in places]
    assert [row is not None for row in found[:5]] == [True] * 5
    assert found[5] is None


def test_no_file_far_behind_the_row_s_is_read(full: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "AT_A_TIME", 1)
    seed_id = full.read("caption_drafts", SHARDS[0])["seed_id"][0]
    caption = full.read("caption_drafts", SHARDS[0])["caption_id"][0]
    proved: list[str] = []
    monkeypatch.setattr(find, "sound", lambda _, paths: proved.extend(paths) or paths)
    assert find.find(full, caption).seed_id == seed_id
    assert proved == [full.path("caption_drafts", SHARDS[0])]


def test_an_empty_lake_has_no_rows_to_trace(lake: Lake) -> None:
    with pytest.raises(UserError, match="no row of the lake"):
        trace(lake, "s0123456789abcdef")


def test_a_lake_that_ends_early_is_traced_as_far_as_it_goes(disk_lake: Lake) -> None:
    fill(disk_lake, SHARDS[:1])
    seed_id = disk_lake.read("seeds", SHARDS[0])["seed_id"][0]
    for table in ("captions", "question_answering", "instructions", "near_duplicates"):
        disk_lake.files.remove_folder(f"tables/{table}")
    disk_lake.files.remove_folder("vectors")
    (caption,) = path_to_asked(trace(disk_lake, seed_id))[-1].children
    assert caption.facts["accepted"] is False
    assert caption.children == ()


def test_a_lineage_is_json(full: Lake) -> None:
    for row_id in (full.read("captions", SHARDS[0])["caption_id"][0], full.read("seeds", SHARDS[0])["seed_id"][3]):
        lineage = trace(full, row_id)
        data = json.loads(json.dumps(lineage.to_dict()))
        assert data["id"] == row_id
        assert data["steps"][0]["children"][0]["kind"] == "seed"
