from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unicorn_assets.lake.store import Lake
from unicorn_assets.release import release_instruction, release_pretrain
from unicorn_assets.training import CHAT, PLAIN, Collator, ReleaseDataset, ReleaseSampler
from unicorn_assets.training.llava import image_outputs, llava_model, train
from unicorn_assets_tests.small_lake import DIMENSION, SHARDS, facts, fill, small_recipe

TOKENS = 3


def small_llm() -> tuple[Any, Any]:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    plain = Tokenizer(models.BPE(vocab=letters | {"</s>": 256}, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="</s>", pad_token="</s>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=1024,
    )
    return LlamaForCausalLM(config), tokenizer


def test_projector_and_llm_learn_from_a_release(disk_lake: Lake, tmp_path: Path) -> None:
    pytest.importorskip("transformers", minversion="5.19")
    import torch
    from transformers import LlavaForConditionalGeneration

    fill(disk_lake)
    pretrain = ReleaseDataset(release_pretrain(disk_lake, small_recipe(), SHARDS, facts()).path)
    instruction = ReleaseDataset(release_instruction(disk_lake, small_recipe(), SHARDS, facts()).path)
    llm, tokenizer = small_llm()
    model = llava_model(llm, tokenizer, pretrain.dimension, TOKENS)
    assert model.model.multi_modal_projector.linear_1.in_features == DIMENSION

    def run(dataset: ReleaseDataset, part: str, template: Any, steps: int) -> list[float]:
        collate = Collator(
            tokenizer,
            image_token_id=model.config.image_token_index,
            image_tokens=TOKENS,
            dtype="float32",
            template=template,
        )
        losses, sampler, state = [], ReleaseSampler(len(dataset)), dict[str, Any]()
        for _ in range(steps):
            steps_done = list(train(model, dataset, collate, sampler, part=part, batch_size=4, rate=0.02))
            losses += [loss for loss, _ in steps_done]
            state = steps_done[-1][1]
        assert (state["epoch"], state["done"]) == (steps, 0)
        return losses

    before = {name: weight.clone() for name, weight in model.named_parameters()}
    first = run(pretrain, "projector", PLAIN, 2)
    changed = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed == {name for name in before if "multi_modal_projector" in name}
    assert first[-1] < first[0]
    losses = run(instruction, "all", CHAT, 4)
    assert losses[-1] < 0.9 * losses[0]
    changed = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert {name for name in before if "vision_tower" not in name} == changed

    model.save_pretrained(tmp_path)
    again = LlavaForConditionalGeneration.from_pretrained(tmp_path)
    vectors = torch.from_numpy(np.stack([pretrain[0]["vector"]]))
    ids = torch.tensor([[model.config.image_token_index] * TOKENS + [5, 6]])
    with torch.no_grad():
        logits = [
            each.eval()(input_ids=ids, mm_encoder_outputs=image_outputs(each, vectors, TOKENS)).logits
            for each in (model, again)
        ]
        other = again(input_ids=ids, mm_encoder_outputs=image_outputs(again, -vectors, TOKENS)).logits
    assert torch.allclose(*logits, atol=1e-5)
    assert not torch.allclose(logits[0], other, atol=1e-3), "what is answered depends on the vector"
