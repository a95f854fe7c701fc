"""Store made-up answers in a journal, in several sessions, as a long campaign would have left them."""

import argparse
import json
import random
import time

from unicorn_assets.ids import digest
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import Answer

LETTERS = "aaeeioubcdfgklmnprst"

parser = argparse.ArgumentParser()
parser.add_argument("--work", required=True)
parser.add_argument("--answers", type=int, required=True)
parser.add_argument("--sessions", type=int, default=8)
o = parser.parse_args()
started = time.perf_counter()
rng = random.Random(1)
words = ["".join(rng.choices(LETTERS, k=6)) for _ in range(5000)]
for session in range(o.sessions):
    with Journal.open(o.work) as journal:
        for number in range(session, o.answers, o.sessions):
            text = json.dumps({"caption": " ".join(rng.choices(words, k=60)), "score": number % 5})
            journal.put(Answer(digest(["filler", number]), text, "stop", 150, 90, 64, 3.2, 1, "bench"))
print(json.dumps({"rows": o.answers, "seconds": time.perf_counter() - started}))
