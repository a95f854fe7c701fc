"""How many threads linear algebra takes. Many small eigenvalue problems in a row lose time on more than one.

Measured on two busy cores at 256 dimensions: figures, page and pictures took 12 s on one thread and 27 s on two, with
5 s and 18 s of processor time.
"""

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

SMALL = 512  # dimensions up to which a matrix is better left to one thread


def threads_for(dimension: int) -> AbstractContextManager[object]:
    """While it is entered, BLAS uses one thread for vectors of up to 512 dimensions, else what it likes."""
    limits: AbstractContextManager[object] = threadpool_limits(1 if dimension <= SMALL else None, user_api="blas")
    return limits
