"""Two hundred small rounds of benchmarks/engine_stress.py: all faults and speeds, callers that leave; none may hang."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "engine_stress.py"


def test_200_rounds_come_to_their_end_and_lose_nothing():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--json", "--rounds", "200", "--most-rows", "80", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(done.stdout)["figures"]
    assert (figures["rounds"], figures["hangs"], figures["lost"], figures["raised"]) == (200, 0, 0, 0)
    assert "mistake of the engine" not in json.dumps(figures["words"])
