"""Half precision to single precision and back, by whole-number arithmetic on the bits.

numpy converts half precision one number at a time, at 2 ns each; these need 0.2 and 0.6 ns, which decides the time of
everything that streams stored vectors. Layouts are IEEE 754 binary16 (5 exponent bits, bias 15) and binary32 (8, 127).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

TOO_LARGE = 65536.0
"""`widen` turns Inf and NaN into finite numbers of at least this size; no other half reaches it."""

_KEEP = np.int32(-0x70000001)  # 0x8fffffff: all but the three exponent bits that sign extension filled
_UP, _DOWN = np.float32(2.0**112), np.float32(2.0**-112)  # 112 = 127 - 15


def widen(half: NDArray[np.float16], single: NDArray[np.float32]) -> None:
    """Write `half` (n, d) into `single` (n, d), exactly. Inf and NaN become numbers of at least TOO_LARGE."""
    bits = single.view(np.int32)
    np.copyto(bits, half.view(np.int16))
    np.left_shift(bits, 13, out=bits)
    np.bitwise_and(bits, _KEEP, out=bits)
    np.multiply(single, _UP, out=single)


def narrow(
    single: NDArray[np.float32],
    factors: NDArray[np.floating[Any]],
    half: NDArray[np.float16],
    spare: NDArray[np.int32],
    added: tuple[NDArray[np.floating[Any]], NDArray[np.float32]] | None = None,
) -> None:
    """Write `single` (n, d) times `factors` (n,), one per row, into `half` (n, d), rounded to nearest, ties outwards.

    `added` is (weights (n, m), vectors (m, d)): weights @ vectors comes on top before rounding. `single` and `spare`
    (n, d) are overwritten. For results below 65,504 in size. Below 2**-14, where halves are 6e-8 apart, a near tie may
    go to the other side.
    """
    bits, sixteen = single.view(np.int32), half.view(np.uint16)
    np.multiply(single, (factors * _DOWN).astype(np.float32)[:, None], out=single)
    if added is not None:
        more = spare.view(np.float32)
        np.matmul((added[0] * _DOWN).astype(np.float32), added[1], out=more)
        np.add(single, more, out=single)
    np.add(bits, 0x1000, out=spare)
    np.right_shift(spare, 13, out=spare)  # exponent and mantissa are in place, the sign is three bits too high
    np.right_shift(bits, 16, out=bits)
    np.bitwise_and(bits, 0x8000, out=bits)
    np.bitwise_or(spare, bits, out=spare)
    np.copyto(sixteen, spare, casting="unsafe")
