"""What a vLLM log says about an end: the one line for a message. Not here: reading anything else out of logs."""

import re
from pathlib import Path

from unicorn_assets.llm.endpoints.vllm_server import ENDED

_TAIL_BYTES = 1 << 18
_PREFIX = re.compile(r"^(\([^)]*pid=\d+\) )?((DEBUG|INFO|WARNING|ERROR) [\d:. -]+\[[^\]]*\] ?)?")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"^([\w.]*(Error|Exception|Interrupt)|vllm serve: error|Value error)\b[:,] *\S")
_CONSEQUENCE = re.compile(
    r"See root cause above|Engine core initialization failed|EngineDeadError|validation errors? for"
)


def telling_line(log: Path, start: int) -> str:
    """The line after byte `start` that says best why the server ended, in at most 300 characters; empty when none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [_PREFIX.sub("", _COLOUR.sub("", line)).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    killed = [line for line in lines if line.startswith(ENDED) and "SIG" in line]
    errors = [line for line in lines if _ERROR.match(line)]
    causes = [line for line in errors if not _CONSEQUENCE.search(line)]
    found = next((some[-1] for some in (causes, killed, errors, lines) if some), "")
    return found.removeprefix("Value error, ").partition(" [type=")[0][:300]
