"""What every client of the benchmark shares: its flags, its prompt and its last line. Standard library only: other
tools' clients run in environments of their own.
"""

import argparse
import json

PROMPT = "Write a caption with a score, as JSON."


def flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True, help="of the server, without /v1")
    parser.add_argument("--work", required=True, help="a folder of the client's own")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    return parser


def prompt_of(row: object) -> str:
    return f"{PROMPT} <row {row}>"


def report(rows: int, seconds: float, **more: object) -> None:
    print(json.dumps({"rows": rows, "seconds": seconds, **more}), flush=True)
