"""A stand-in for the `vllm` program in tests of the process tree: speaks its HTTP, and starts workers that outlive it.

STAND_IN is a folder. It appends its arguments and the process ids of itself and its workers to files there, and reads
from `starts` how each start goes, one word a line, the last one for all further starts:
healthy; slow (healthy after two seconds); never (runs, but is never healthy); broken (prints a traceback and ends).
The server turns unhealthy (503) once there is a file `sick`.
"""

import http.server
import json
import os
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["STAND_IN"])
SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
TRACEBACK = """\
(EngineCore pid=7) ERROR 11-22 23:58:26 [core.py:133] Traceback (most recent call last):
(EngineCore pid=7) ERROR 11-22 23:58:26 [core.py:133] ValueError: World size (4) is larger than the available GPUs (1)
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    healthy_at = 0.0

    def do_GET(self):
        well = time.monotonic() >= self.healthy_at and not (FOLDER / "sick").exists()
        self.send(200 if well else 503, b"")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.02)
        message = {"content": json.dumps({"caption": "a cat", "score": 1})}
        answer = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"completion_tokens": 5}}
        self.send(200, json.dumps(answer).encode())

    def send(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def main():
    arguments = sys.argv[1:]
    with (FOLDER / "started").open("a") as started:
        started.write(json.dumps({"arguments": arguments, "variable": os.environ.get("VARIABLE")}) + "\n")
    count = len((FOLDER / "started").read_text().splitlines())
    starts = (FOLDER / "starts").read_text().split()
    how = starts[min(count, len(starts)) - 1]
    if how == "broken":
        sys.exit(TRACEBACK)
    workers = [subprocess.Popen(SLEEPER), subprocess.Popen(SLEEPER, start_new_session=True)]
    with (FOLDER / "pids").open("a") as pids:
        pids.write(f"{os.getpid()} {workers[0].pid} {workers[1].pid}\n")
    print("loading the model", flush=True)
    Handler.healthy_at = time.monotonic() + {"healthy": 0.0, "slow": 2.0, "never": 1e9}[how]
    port = int(arguments[arguments.index("--port") + 1])
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


main()
