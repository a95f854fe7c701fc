"""Bad rows are refused by name; good rows become unit length one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.vectors.rows import Space, check_shape, unit_rows

BAD = {"NaN": np.nan, "Inf": np.inf, "all zero": 0.0}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("fault", BAD)
def test_a_bad_row_is_named(fault: str, dtype: type) -> None:
    rows = np.ones((9, 4), dtype)
    rows[6] = 0.0
    rows[6, 2] = BAD[fault]
    with pytest.raises(UserError, match=rf"captions: row 6 \(id c6\).*{fault}"):
        unit_rows(rows, where="captions", ids=[f"c{i}" for i in range(9)])
    with pytest.raises(UserError, match="row 106"):
        unit_rows(rows, first=100)


def test_shapes_and_types_are_checked() -> None:
    check_shape(np.ones((2, 4), np.float16), 4, "texts")
    with pytest.raises(UserError, match="5 dimensions, but 4"):
        check_shape(np.ones((2, 5)), 4, "texts")
    with pytest.raises(UserError, match="shape"):
        check_shape(np.ones(5), 5, "texts")
    with pytest.raises(UserError, match="int64"):
        check_shape(np.ones((2, 5), np.int64), 5, "texts")  # type: ignore[arg-type]


def test_spaces_do_not_mix() -> None:
    space = Space("clip", "1", 4)
    space.require(Space("clip", "1", 4), "texts")
    space.require(None, "texts of unknown origin")
    for other in (Space("clip", "2", 4), Space("siglip", "1", 4), Space("clip", "1", 5)):
        with pytest.raises(UserError, match="texts come from"):
            space.require(other, "texts")


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 40))
def test_a_row_does_not_depend_on_its_neighbours(seed: int, n: int, d: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(n, d)) + 0.01
    together = unit_rows(rows)
    alone = np.concatenate([unit_rows(rows[i : i + 1]) for i in range(n)])
    assert together.tobytes() == alone.tobytes()
