"""Tests of unicorn_assets. What has to be said before anything is imported stands here."""

import os

# Two workers share the tests and two cores. With a thread for each core in both, threads that wait for each other at
# the barriers of small matrices took four times the CPU seconds.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
