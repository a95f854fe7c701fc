import re
from typing import Any

import numpy as np
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.training import CHAT, PLAIN, Collator

IMAGE_ID = 900


class Words:
    """A tokenizer whose padding is its end of text, as Llama's is in Bunny's code; a token is a word with its space."""

    eos_token_id = pad_token_id = 1
    bos_token_id = 0

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": [self.known.setdefault(word, 2 + len(self.known)) for word in re.findall(r"\s*\S+", text)]}

    def text(self, ids: Any) -> str:
        words = {number: word for word, number in self.known.items()} | {0: "<s>", 1: "</s>", IMAGE_ID: "<image>"}
        return "".join(words[int(number)] for number in ids)


def sample(name: str = "c-1", answers: int = 1) -> Any:
    turns = []
    for number in range(answers):
        turns += [
            {"from": "human", "value": ("" if number else "<image>\n") + f"What is {number}?"},
            {"from": "gpt", "value": f"It is {number}."},
        ]
    return {"id": name, "caption": "It.", "conversations": turns, "vector": np.full(4, 0.5, np.float32)}


def test_answers_and_their_ends_are_learnt_and_nothing_else() -> None:
    words = Words()
    batch = Collator(words, image_token_id=IMAGE_ID, image_tokens=3, dtype="float32", template=CHAT)(
        [sample(answers=2), sample("c-2")]
    )
    length = int(batch["attention_mask"][0].sum())
    text = words.text(batch["input_ids"][0, :length])
    assert text.startswith("<s>A chat between")
    assert "USER:<image><image><image>" in text
    assert text.endswith("ASSISTANT: It is 0.</s>USER: What is 1? ASSISTANT: It is 1.</s>")
    learnt = batch["labels"][0]
    assert words.text(learnt[learnt != -100]) == " It is 0.</s> It is 1.</s>"
    other = batch["labels"][1]
    assert words.text(other[other != -100]) == " It is 0.</s>", "ends of text are learnt though padding looks the same"
    assert int(batch["attention_mask"][1].sum()) == length - 9 < batch["input_ids"].shape[1]
    assert str(batch["vectors"].dtype) == "torch.float32"
    assert batch["vectors"].shape == (2, 4)


def test_plain_is_the_image_and_the_caption() -> None:
    words = Words()
    batch = Collator(words, image_token_id=IMAGE_ID, image_tokens=2, template=PLAIN)([sample()])
    assert words.text(batch["input_ids"][0]) == "<s><image><image>It is 0.</s>"
    assert batch["labels"][0].tolist()[:3] == [-100] * 3
    assert str(batch["vectors"].dtype) == "torch.bfloat16"


def test_long_samples_lose_their_end() -> None:
    batch = Collator(Words(), image_token_id=IMAGE_ID, image_tokens=2, template=PLAIN, max_length=4)([sample()])
    assert batch["input_ids"].shape == (1, 4)
    with pytest.raises(UserError, match="the image of c-1 lies behind max_length 5"):
        Collator(Words(), image_token_id=IMAGE_ID, image_tokens=2, max_length=5)([sample()])


def test_what_is_wrong_is_said_in_words() -> None:
    collator = Collator(Words(), image_token_id=IMAGE_ID, image_tokens=2)
    without = sample("c-7")
    del without["vector"]
    with pytest.raises(UserError, match="sample 'c-7' has no vector"):
        collator([sample(), without])
    with pytest.raises(UserError, match="do not alternate"):
        collator([sample() | {"conversations": []}])
    twice = sample()
    twice["conversations"][1]["value"] = "<image>"
    with pytest.raises(UserError, match="must carry <image> once"):
        collator([twice])
    for options, words in (({"dtype": "float16"}, "float16"), ({"image_tokens": 2048}, "leave no room")):
        with pytest.raises(UserError, match=words):
            Collator(Words(), image_token_id=IMAGE_ID, **options)
