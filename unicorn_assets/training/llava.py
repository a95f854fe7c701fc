"""A recipe: a LLaVA-like model of any Llama-like LLM, trained on a release's vectors by transformers 5.19 or newer.

    python -m unicorn_assets.training.llava --llm FOLDER --pretrain RELEASE --instruction RELEASE --out FOLDER

Stage 1 trains the projector on captions, stage 2 projector and LLM on instructions, with the paper's rates. The model
takes `mm_encoder_outputs`: what stands there goes to the image's places as it is, past vision tower and projector. So
the projector is called here, once for a vector, and its result is repeated: each place would get the same.
"""

import argparse
import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unicorn_assets.training.collator import CHAT, PLAIN, Collator, Template
from unicorn_assets.training.dataset import ReleaseDataset
from unicorn_assets.training.sampler import ReleaseSampler

if TYPE_CHECKING:
    import torch

IMAGE_TOKEN = "<image>"
LOG = logging.getLogger(__name__)
RATES = {"projector": 5e-4, "all": 1e-5}
"""Learning rates of the paper, by what is trained."""
WARM_UP = 0.03


def llava_model(llm: Any, tokenizer: Any, dimension: int, image_tokens: int) -> Any:
    """A LlavaForConditionalGeneration around a causal LLM, its projector fresh and as wide as the release's vectors.

    Its vision tower is one idle layer: transformers wants one, and the release's encoder takes its place.
    """
    from transformers import CLIPVisionConfig, LlavaConfig, LlavaForConditionalGeneration

    if tokenizer.convert_tokens_to_ids(IMAGE_TOKEN) in (None, tokenizer.unk_token_id):
        tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE_TOKEN]})
        llm.resize_token_embeddings(len(tokenizer))
    tower = CLIPVisionConfig(
        hidden_size=dimension,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=14,
        patch_size=14,
    )
    image = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
    config = LlavaConfig(
        vision_config=tower, text_config=llm.config, image_token_index=image, image_seq_length=image_tokens,
        vision_feature_layer=-1,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config).to(llm.dtype)
    model.model.language_model, model.lm_head = llm.base_model, llm.lm_head
    return model


def image_outputs(model: Any, vectors: "torch.Tensor", image_tokens: int) -> dict[str, Any]:
    """What `mm_encoder_outputs` takes: (batch, dimension) vectors through the projector, each image_tokens times."""
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    projected = model.model.multi_modal_projector(vectors.to(model.dtype))
    rows = [row.expand(image_tokens, -1) for row in projected]
    return {"image": BaseModelOutputWithPooling(pooler_output=rows)}  # type: ignore[no-untyped-call, unused-ignore]


def train(
    model: Any, dataset: ReleaseDataset, collate: Collator, sampler: ReleaseSampler, *, part: str, batch_size: int,
    rate: float | None = None, steps: int | None = None, workers: int = 0,
) -> Iterator[tuple[float, dict[str, Any]]]:  # fmt: skip
    """Train `part` ("projector" or "all") for the rest of the sampler's epoch, or `steps`.

    Yields after each step its loss and the sampler's state, with which a later run goes on.
    """
    import torch
    from torch.utils.data import DataLoader

    model.requires_grad_(part == "all")
    model.model.vision_tower.requires_grad_(False)
    model.model.multi_modal_projector.requires_grad_(True)
    model.train()
    planned = steps or -(-len(sampler) // batch_size)
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=rate or RATES[part])
    warm = max(1, round(WARM_UP * planned))

    def rate_at(step: int) -> float:
        return float(min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / planned))))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate_at)
    loader: Any = DataLoader(dataset, batch_size, sampler=sampler, collate_fn=collate, num_workers=workers)  # type: ignore[arg-type]
    trained = 0
    for step, batch in enumerate(loader):
        if step == planned:
            return
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        seen = image_outputs(model, batch.pop("vectors"), len(collate.image))
        loss = model(**batch, mm_encoder_outputs=seen, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        trained += len(batch["input_ids"])
        yield float(loss.detach()), sampler.state_dict(trained=trained)


def main() -> None:
    """Both stages, an epoch each; the model, its tokenizer and where each stage ended go to --out."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("llm", "pretrain", "instruction", "out"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("--image-tokens", type=int, default=576)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.manual_seed(options.seed)
    gpu = torch.cuda.is_available()
    llm = AutoModelForCausalLM.from_pretrained(options.llm, dtype=torch.bfloat16 if gpu else torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(options.llm)
    stages: list[tuple[Path, Template, str]] = [
        (options.pretrain, PLAIN, "projector"),
        (options.instruction, CHAT, "all"),
    ]
    dimension = ReleaseDataset(options.pretrain).dimension
    model = llava_model(llm, tokenizer, dimension, options.image_tokens).to("cuda" if gpu else "cpu")
    for folder, template, part in stages:
        dataset = ReleaseDataset(folder, seed=options.seed)
        collate = Collator(
            tokenizer, image_token_id=model.config.image_token_index, image_tokens=options.image_tokens,
            dtype="bfloat16" if gpu else "float32", template=template,
        )  # fmt: skip
        sampler = ReleaseSampler(len(dataset), seed=options.seed)
        state: dict[str, Any] = {}
        for number, (loss, state) in enumerate(  # noqa: B007 - the last one is kept
            train(model, dataset, collate, sampler, part=part, batch_size=options.batch_size)
        ):
            LOG.info("%s step %d: loss %.4f", part, number + 1, loss)
        model.save_pretrained(options.out)
        tokenizer.save_pretrained(options.out)
        (options.out / f"sampler-{part}.json").write_text(json.dumps(state), encoding="utf-8")


if __name__ == "__main__":
    main()
