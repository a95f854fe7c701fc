"""bespokelabs-curator on the benchmark's rows; runs in an environment of its own (see llm_client.py)."""

import os
import time

from common import flags, prompt_of, report

o = flags().parse_args()

# Read when its modules are imported: no telemetry, no look-ups on the internet, caches in the work folder.
os.environ |= {
    "TELEMETRY_ENABLED": "false",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "CURATOR_CACHE_DIR": f"{o.work}/curator",
    "HF_HOME": f"{o.work}/hf",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OPENAI_API_KEY": "none",
}

import litellm.litellm_core_utils.default_encoding  # noqa: E402, F401 - it points tiktoken to its bundled tables
from bespokelabs import curator  # noqa: E402
from datasets import Dataset  # noqa: E402
from pydantic import BaseModel  # noqa: E402


class Caption(BaseModel):
    caption: str
    score: int


class Writer(curator.LLM):
    def prompt(self, row: dict) -> str:
        return prompt_of(row["row"])

    def parse(self, row: dict, answer: Caption) -> dict:
        return {"row": row["row"], "caption": answer.caption}


writer = Writer(
    model_name="bench",
    backend="openai",
    response_format=Caption,
    generation_params={"temperature": 0.7},
    backend_params={
        "base_url": f"{o.url}/v1",
        "max_requests_per_minute": 10**8,
        "max_tokens_per_minute": 10**11,
        "max_concurrent_requests": o.in_flight,
        "require_all_responses": False,
    },
)
rows = Dataset.from_list([{"row": row} for row in range(o.rows)])
started = time.perf_counter()
made = writer(rows).dataset
report(len(made), time.perf_counter() - started)
