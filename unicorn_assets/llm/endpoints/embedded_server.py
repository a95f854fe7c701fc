"""The child process that serves a GGUF model with llama.cpp's own HTTP server.

Run as a module. It prints one JSON line {"url": ...} when it is ready, and ends as soon as its standard input closes
or its parent is gone, so it never outlives a parent, not even one that was killed.
"""

import argparse
import json
import os
import select
import sys
from pathlib import Path
from typing import Any

PROMPTS_MIB = 256
"""Memory of a server for prompts that a slot no longer holds; the demo's longest with its answer takes 10."""


def main() -> None:
    """Serve until the parent goes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="tokens per slot")
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    parent = os.getppid()
    # The announcement keeps the real standard output; whatever llama.cpp prints goes to the log with stderr.
    announce = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = start(options.weights, options.model, options.slots, options.context, options.threads)
    print(json.dumps({"url": server.listening_address}), file=announce, flush=True)
    announce.close()
    wait_for_end(parent)
    os._exit(0)  # llama.cpp's own shutdown waits for the answers under way; nobody wants them any more


def start(weights: Path, model: str, slots: int, context: int, threads: int) -> Any:
    """A running xllamacpp server on a free port of 127.0.0.1."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {model}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = slots
    params.n_ctx = slots * context
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_threads_http = slots + 4  # one per waiting request, and some for health checks
    params.fit_params = False
    # Tasks share the slots: one that goes from one task to another finds that one's instructions and examples again.
    params.cache_ram_mib = PROMPTS_MIB
    params.ui = False
    return xllamacpp.Server(params)


def wait_for_end(parent: int) -> None:
    """Return when standard input is closed or the parent changed (it died, and someone else inherited the pipe)."""
    while os.getppid() == parent:
        readable, _, _ = select.select([sys.stdin], [], [], 1.0)
        if readable and not os.read(sys.stdin.fileno(), 1024):
            return


if __name__ == "__main__":
    main()
