"""The code location as the end-to-end test of a night loads it: the real one, with a stand-in for the encoder.

Steps run in the daemon's process: what costs most of a run is starting processes, and other tests do that.
"""

import dagster as dg

from unicorn_assets import definitions as real
from unicorn_assets.resources.encoder import EncoderResource
from unicorn_assets_tests.finished import stand_in

real.step_executor = lambda: dg.in_process_executor  # type: ignore[assignment]
EncoderResource.open = stand_in().opened  # type: ignore[method-assign]
defs = real.build_defs()
