"""NeMo DataDesigner on the benchmark's rows; runs in an environment of its own (see llm_client.py)."""

import os
import time
from pathlib import Path

from common import flags, prompt_of, report

o = flags().parse_args()

os.environ |= {
    "NEMO_TELEMETRY_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "DATA_DESIGNER_HOME": f"{o.work}/home",
    "HOME": o.work,
    "BENCH_KEY": "none",
}

import data_designer.config as dd  # noqa: E402
import pandas as pd  # noqa: E402
from data_designer.interface import DataDesigner  # noqa: E402
from pydantic import BaseModel  # noqa: E402


class Caption(BaseModel):
    caption: str
    score: int


seeds = Path(o.work) / "rows.parquet"
pd.DataFrame({"row": range(o.rows)}).to_parquet(seeds)
provider = dd.ModelProvider(name="bench", endpoint=f"{o.url}/v1", provider_type="openai", api_key="BENCH_KEY")
designer = DataDesigner(artifact_path=f"{o.work}/made", model_providers=[provider])
inference = dd.ChatCompletionInferenceParams(max_parallel_requests=o.in_flight, temperature=0.7, max_tokens=200)
model = dd.ModelConfig(
    alias="writer", model="bench", provider="bench", inference_parameters=inference, skip_health_check=True
)
builder = dd.DataDesignerConfigBuilder(model_configs=[model])
builder.with_seed_dataset(dd.LocalFileSeedSource(path=str(seeds)))
prompt = prompt_of("{{ row }}")
builder.add_column(
    dd.LLMStructuredColumnConfig(name="caption", prompt=prompt, model_alias="writer", output_format=Caption)
)
started = time.perf_counter()
made = designer.create(builder, num_records=o.rows, dataset_name="bench")
seconds = time.perf_counter() - started
report(len(made.load_dataset()), seconds)
