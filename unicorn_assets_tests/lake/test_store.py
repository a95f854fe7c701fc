import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load

from unicorn_assets.errors import UserError
from unicorn_assets.lake.schemas import PAIR, polars_schema
from unicorn_assets.lake.store import Lake, Made, content_hash, decode_ids, encode_ids

MADE = Made("recipe-1", "code-1", {"seeds/a-0": "1234", "transfer/all": "5678"})
SEEDS = pl.DataFrame(
    {
        "seed_id": ["s1", "s2", "s3"], "source": ["a", "a", "b"], "text": ["naïve 🐦", 'quote " \\', "x\ny"],
        "domain": ["open", "birds", "open"], "label": [None, "wren", None], "file": ["f"] * 3, "row": [1, 2, 9],
    },
    schema=polars_schema("seeds"),
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def test_a_table_shard_comes_back_with_its_making(lake: Lake) -> None:
    written = lake.write("seeds", "a-0", SEEDS.select(reversed(SEEDS.columns)), MADE, {"tokens": 12, "by": {"x": 1.5}})
    assert lake.read("seeds", "a-0").equals(SEEDS)
    assert lake.read("seeds", "a-0", ["row", "text"]).columns == ["row", "text"]
    info = lake.info("seeds", "a-0")
    assert info == written
    assert info is not None
    assert (info.rows, info.made, info.extra) == (3, MADE, {"tokens": 12, "by": {"x": 1.5}})
    assert (info.content, info.inputs) == (content_hash(SEEDS), MADE.inputs)
    assert lake.shards("seeds") == ["a-0"]


def test_a_shard_is_replaced_whole(lake: Lake) -> None:
    lake.write("seeds", "a-0", SEEDS, MADE)
    lake.write("seeds", "a-0", SEEDS[:1], Made(code_version="code-2"))
    assert lake.read("seeds", "a-0").equals(SEEDS[:1])
    info = lake.info("seeds", "a-0")
    assert info is not None
    assert info.made.code_version == "code-2"


def test_an_empty_shard_is_a_shard(lake: Lake) -> None:
    lake.write("seeds", "a-0", SEEDS[:0], MADE)
    lake.write_vectors("v", "a-0", [], np.zeros((0, 4)), MADE)
    assert lake.read("seeds", "a-0").height == 0
    assert lake.read("seeds", "a-0").schema == SEEDS.schema
    ids, vectors = lake.read_vectors("v", "a-0")
    assert (ids, vectors.shape) == ([], (0, 4))


def test_several_shards_are_read_with_their_names(lake: Lake) -> None:
    for shard in ("a-1", "a-0"):
        lake.write("seeds", shard, SEEDS, MADE)
    both = lake.read_many("seeds", ["a-1", "a-0"], ["seed_id"])
    assert both.columns == ["seed_id", "shard"]
    assert both["shard"].to_list() == ["a-1"] * 3 + ["a-0"] * 3
    assert lake.read_many("seeds", []).schema == {**polars_schema("seeds"), "shard": pl.String}


def test_what_is_missing_is_said_with_what_to_do(lake: Lake) -> None:
    assert lake.info("seeds", "a-0") is None
    assert lake.vector_info("v", "a-0") is None
    assert lake.shards("seeds") == lake.vector_shards("v") == []
    with pytest.raises(UserError, match="materialize captions for that shard"):
        lake.read("captions", "a-0")
    with pytest.raises(UserError, match="materialize v for that shard"):
        lake.read_vectors("v", "a-0")


def test_vectors_come_back_as_fp16_with_their_ids(lake: Lake) -> None:
    vectors = np.random.default_rng(1).normal(size=(3, 5))
    written = lake.write_vectors("v", "a-0", ["c1", "c22", "ü3"], vectors, MADE, {"truncated": 0})
    ids, matrix = lake.read_vectors("v", "a-0")
    assert ids == ["c1", "c22", "ü3"]
    assert matrix.dtype == np.float16
    assert np.array_equal(matrix, vectors.astype(np.float16))
    assert lake.vector_info("v", "a-0") == written
    assert lake.vector_shards("v") == ["a-0"]
    assert set(load(lake.files.read(lake.vector_path("v", "a-0")))) == {"ids", "vectors"}


def test_the_content_of_vectors_depends_on_ids_and_numbers_only(disk_lake: Lake) -> None:
    vectors = np.eye(2)
    contents = [
        disk_lake.write_vectors("v", "x", ids, matrix, made).content
        for ids, matrix, made in [
            (["a", "b"], vectors, MADE),
            (["a", "b"], vectors.astype(np.float32), Made()),
            (["b", "a"], vectors, MADE),
            (["a", "b"], vectors[::-1], MADE),
        ]
    ]
    assert contents[0] == contents[1]
    assert len(set(contents)) == 3


def test_ids_and_vectors_must_be_as_many(disk_lake: Lake) -> None:
    with pytest.raises(ValueError, match="2 ids for 3 vectors"):
        disk_lake.write_vectors("v", "x", ["a", "b"], np.zeros((3, 2)), MADE)


@given(st.lists(TEXT.filter(lambda text: not text.endswith("\0")), max_size=6))
def test_ids_survive_their_matrix(ids: list[str]) -> None:
    assert decode_ids(encode_ids(ids)) == ids


ROWS = st.fixed_dictionaries(
    {
        "number": st.none() | st.integers(-(2**40), 2**40),
        "share": st.none() | st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0),  # no -0.0
        "text": st.none() | TEXT,
        "flag": st.none() | st.booleans(),
        "pairs": st.lists(
            st.fixed_dictionaries(
                {"question": TEXT, "options": st.none() | st.lists(TEXT, max_size=2), "answer": st.none() | TEXT}
            ),
            max_size=2,
        ),
    }
)
SCHEMA = {"number": pl.Int64, "share": pl.Float64, "text": pl.String, "flag": pl.Boolean, "pairs": pl.List(PAIR)}


@given(st.lists(ROWS, max_size=6), st.integers(0, 6))
def test_equal_frames_have_equal_hashes_however_they_were_built(rows: list[dict[str, object]], cut: int) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA)
    other = pl.DataFrame([{"number": 7, "text": "between", "flag": True}], schema=SCHEMA)
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    # Behind the nulls of this one lies another row's data.
    masked = frame.with_row_index("at").select(
        pl.when(pl.col(name).is_null()).then(None).otherwise(pl.col(name)).alias(name) for name in frame.columns
    )
    for same in (
        pl.concat([frame[:cut], frame[cut:]]),
        pl.concat([other, frame])[1:],
        pl.concat([frame[:cut], other, frame[cut:]]).with_row_index("at").filter(pl.col("at") != cut).drop("at")
        if cut <= frame.height
        else frame,
        pl.read_parquet(buffer.getvalue()),
        frame.reverse().reverse(),
        masked,
    ):
        assert same.equals(frame)
        assert content_hash(same) == content_hash(frame)


def test_values_behind_a_null_do_not_matter() -> None:
    keep = pl.Series([True, False])
    frame = pl.DataFrame({"n": [1, None], "t": ["a", None]}, schema={"n": pl.Int64, "t": pl.String})
    masked = pl.select(
        n=pl.when(keep).then(pl.Series([1, 77])), t=pl.when(keep).then(pl.Series(["a", "a long text behind a null"]))
    )
    assert masked.equals(frame)
    assert content_hash(masked) == content_hash(frame)


@given(st.lists(ROWS, max_size=4), st.lists(ROWS, max_size=4))
def test_unlike_frames_have_unlike_hashes(one: list[dict[str, object]], two: list[dict[str, object]]) -> None:
    first, second = pl.DataFrame(one, schema=SCHEMA), pl.DataFrame(two, schema=SCHEMA)
    assert (content_hash(first) == content_hash(second)) == first.equals(second)


def test_names_and_types_of_columns_are_content() -> None:
    frame = pl.DataFrame({"n": [1]})
    others = [frame.rename({"n": "m"}), frame.cast(pl.Int32), frame[:0]]
    assert len({content_hash(each) for each in (frame, *others)}) == 4


def test_inputs_follow_code_and_parents_but_not_the_recipe_s_name() -> None:
    assert Made("other", "code-1", dict(reversed(MADE.parents.items()))).inputs == MADE.inputs
    assert Made("recipe-1", "code-2", MADE.parents).inputs != MADE.inputs
    assert Made("recipe-1", "code-1", {"seeds/a-0": "other"}).inputs != MADE.inputs


def test_vectors_that_are_not_there_yet_are_not_damaged(lake: Lake) -> None:
    assert lake.vector_info("text_embeddings", "a") is None
    assert lake.find_vectors("text_embeddings", "a") is None
    assert lake.info("captions", "a") is None
    assert lake.damaged == {}
