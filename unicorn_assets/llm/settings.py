"""The recipe's `llm:` section: which model answers, who serves it, and the budgets of a row.

Only values live here. What they mean on the wire is in request.py, how they steer a run in engine.py.
"""

import re
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from unicorn_assets.llm.address import Address
from unicorn_assets.llm.extra import OURS, check_extra

EMBEDDED_MODEL = "SmolLM2-135M-Instruct"
"""The model that the `local` extra ships."""


class Sampling(BaseModel):
    """Sampling parameters of one kind of request; everything set here enters the journal's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(400, ge=1)
    top_k: int | None = Field(None, ge=0)
    min_p: float | None = Field(None, ge=0, le=1)
    repeat_penalty: float | None = Field(None, gt=0, description="llama.cpp's name")
    repetition_penalty: float | None = Field(None, gt=0, description="vLLM's name")
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] | None = None
    extra: dict[str, Any] = Field(default_factory=dict, description="sent as it is, e.g. chat_template_kwargs")

    @field_validator("extra")
    @classmethod
    def _is_sent(cls, extra: dict[str, Any]) -> dict[str, Any]:
        check_extra(extra)
        return extra

    def body(self) -> dict[str, Any]:
        """The fields of the request body, those that are unset left out (a new option never changes old keys)."""
        fields = self.model_dump(mode="json", exclude_none=True, exclude={"extra"})
        return fields | self.extra

    @cached_property
    def text(self) -> str:
        """Equal for parameters that are sent alike, and only for them: 1, 1.0 and true differ, as in JSON."""
        return repr(self.body())


SentField = Literal[
    "seed", "temperature", "top_p", "max_tokens", "top_k", "min_p", "repeat_penalty", "repetition_penalty",
    "presence_penalty", "frequency_penalty", "stop",
]  # fmt: skip
Keyword = Literal[
    "minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "additionalProperties", "default",
]  # fmt: skip


MARK = "\x1f"
"""Stands between a revision and the marks of `llm.wire`."""


class Wire(BaseModel):
    """`llm.wire`: how a request is written for a server that refuses a part of it (docs/servers.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    omit: tuple[SentField, ...] = Field((), description="fields that are not sent, such as seed")
    rename: dict[SentField, Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]] = Field(
        default_factory=dict, description="fields that are sent under another name"
    )
    response_format: Literal["json_schema", "json_object", "none"] = Field(
        "json_schema", description="how JSON is asked for; the schema is always checked here too"
    )
    schema_omit: tuple[Keyword, ...] = Field((), description="keywords left out of the schema, such as maxLength")
    system: Literal["role", "first_turn"] = Field(
        "role", description="first_turn: for chat templates without a system role, its words start the first turn"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> "Wire":
        both = sorted(set(self.omit) & set(self.rename))
        if both:
            raise ValueError(f"{both[0]} is both omitted and renamed")
        targets = list(self.rename.values())
        taken = [t for t in targets if t in OURS or t in get_args(SentField) or targets.count(t) > 1]
        if taken:
            raise ValueError(f"rename: another field is sent as {taken[0]!r} already")
        if self.schema_omit and self.response_format != "json_schema":
            raise ValueError("schema_omit needs response_format: json_schema; with the others no schema is sent")
        return self

    def sent_as(self, name: str) -> str:
        """The name under which a field goes out."""
        return next((theirs for ours, theirs in self.rename.items() if ours == name), name)

    def marks(self, has_schema: bool = True, has_system: bool = True) -> list[str]:
        """What of it can change the answer to a request that has a schema, or a system's turn; nothing by default.
        Another name for a field changes none.
        """
        left_out = {"rename"} | (set() if has_schema else {"response_format", "schema_omit"})
        left_out |= set() if has_system else {"system"}
        set_here = self.model_dump(mode="json", exclude_defaults=True, exclude=left_out)
        said = {
            key: value if isinstance(value, str) else ",".join(sorted(set(value))) for key, value in set_here.items()
        }
        return [f"{key}={value}" for key, value in sorted(said.items()) if value]

    def marked(self, revision: str) -> str:
        """A revision with all marks; a request's key takes those that concern it (ChatRequest.key)."""
        return MARK.join([revision, *self.marks()])


class Price(BaseModel):
    """Price of a model in USD per million tokens. Never guessed: without it a run reports no cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached_prompt: float | None = Field(None, ge=0, description="price of prompt tokens served from the server's cache")


class Budget(BaseModel):
    """`llm.budget`: what all runs over a lake may use together; a run that would use more stops cleanly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usd: float | None = Field(None, gt=0, description="money by `llm.price`")
    tokens: int | None = Field(None, ge=1, description="prompt and completion tokens together")
    calls: int | None = Field(None, ge=1, description="requests that a server worked on; refused ones do not count")

    @model_validator(mode="after")
    def _limits_something(self) -> "Budget":
        if self.usd is None and self.tokens is None and self.calls is None:
            raise ValueError("a budget needs usd, tokens or calls")
        return self


class OwnBudget(NamedTuple):
    """What one kind of request may use, beside `llm.budget`: its `name`, under which the lake books it, and the limits
    over all runs of a lake. Where it ends, its requests are not asked, and the run goes on.
    """

    name: str
    limits: Budget


class Accept(BaseModel):
    """`accept`: the share of a shard's rows that is wanted, and how far to go for it. Without it every row has the same
    number of drafts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(gt=0, le=1, description="of the shard's rows; the number wanted is rounded up")
    more_drafts: int = Field(4, ge=0, le=1000, description="further drafts that one refused row may get")
    exact: bool = Field(False, description="put aside good rows beyond the wanted number (reason surplus)")


class VllmSettings(BaseModel):
    """`llm.vllm`: how endpoint `vllm` starts `vllm serve`. Names and meanings are vLLM's own."""

    # Numbers of YAML are welcome among flags and in the environment.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share one copy of the model")
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] = Field(
        "auto", description="number format of the computation; auto: the model's own; others enter the journal's key"
    )
    quantization: str | None = Field(None, description="such as fp8 or awq; enters the journal's key")
    max_model_len: int | None = Field(None, ge=256, description="tokens of prompt and answer; None: the model's own")
    flags: tuple[str, ...] = Field((), description="further flags of `vllm serve`, one word per list entry")
    environment: dict[str, str] = Field(default_factory=dict, description="environment variables of the server")
    start_timeout_s: float = Field(900.0, gt=0, description="until it is healthy; a first download counts too")


class LlmSettings(BaseModel):
    """Which model, who serves it, how hard to ask, and when to give up."""

    model_config = ConfigDict(extra="forbid")

    endpoint: Literal["embedded", "url", "vllm"] = "embedded"
    model: str = Field(EMBEDDED_MODEL, min_length=1)
    revision: str | None = Field(None, description="enters the journal's key; set it when a server changes its weights")
    url: str | None = Field(None, description="base URL of an OpenAI-compatible server, with or without /v1")
    urls: tuple[str, ...] = Field((), description="several such servers with the same model")
    api_key_env: str | None = Field(None, description="name of the environment variable that holds the key")
    concurrency: int = Field(64, ge=1, le=4096, description="requests in flight per server")
    slots: int = Field(8, ge=1, le=64, description="embedded: answers generated side by side, over all its servers")
    context: int = Field(2048, ge=256, description="embedded: tokens of prompt and answer per slot")
    timeout_s: float = Field(300.0, gt=0, description="one request, from sending to the last byte")
    start_timeout_s: float = Field(120.0, gt=0, description="embedded: until the first healthy answer")
    patience_s: float = Field(120.0, gt=0, description="longest time without any good answer before the run stops")
    max_attempts: int = Field(5, ge=1, description="transport attempts per draft")
    max_drafts: int = Field(3, ge=1, description="drafts per row before it is quarantined")
    max_row_tokens: int | None = Field(None, ge=1, description="completion tokens a row may use over all its drafts")
    max_answer_bytes: int = Field(262_144, ge=1024, description="larger HTTP answers are refused")
    max_restarts: int = Field(3, ge=0, description="managed servers: restarts after a crash")
    wire: Wire = Wire()
    vllm: VllmSettings = VllmSettings()
    price: Price | None = None
    budget: Budget | None = None
    gpus: int | None = Field(None, ge=1, description="GPUs behind the servers, for `unicorn plan`; None: vllm's own")
    gpu_hour_usd: float | None = Field(None, ge=0, description="price of one GPU-hour, for `unicorn plan`")

    @model_validator(mode="after")
    def _endpoint_has_what_it_needs(self) -> "LlmSettings":
        if self.endpoint == "url" and not self.servers():
            raise ValueError("endpoint 'url' needs `url` (or `urls`)")
        if self.endpoint != "url" and self.servers():
            raise ValueError(f"endpoint '{self.endpoint}' starts its own server: remove `url`, or set endpoint: url")
        if self.endpoint == "vllm" and "start_timeout_s" in self.model_fields_set:
            raise ValueError("start_timeout_s is the embedded server's: write it under `vllm` for endpoint 'vllm'")
        return self

    @field_validator("api_key_env")
    @classmethod
    def _names_a_variable(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError("give the name of an environment variable, such as OPENAI_API_KEY, never the key")
        return name

    @model_validator(mode="after")
    def _addresses_are_addresses(self) -> "LlmSettings":
        known: dict[str, Address] = {}
        for url in self.servers():
            address = Address.of(url)
            if known.setdefault(address.base, address) != address:
                raise ValueError(f"urls: {address.base} is given twice with different queries")
        return self

    @model_validator(mode="after")
    def _budget_has_a_limit_per_answer(self) -> "LlmSettings":
        if self.budget is not None and "max_tokens" in self.wire.omit:
            raise ValueError("wire.omit leaves out max_tokens, without which no budget can hold: rename it instead")
        return self

    @model_validator(mode="after")
    def _money_has_a_price(self) -> "LlmSettings":
        if self.budget is not None and self.budget.usd is not None and self.price is None:
            raise ValueError("budget.usd needs a price: give `llm.price` with prompt and completion (USD per million)")
        return self

    def gpu_count(self) -> int | None:
        """GPUs that serve the model; None when nobody said so."""
        return self.gpus or (self.vllm.tensor_parallel_size if self.endpoint == "vllm" else None)

    def servers(self) -> tuple[str, ...]:
        """All base URLs, without repeats, in the recipe's order."""
        return tuple(dict.fromkeys(((self.url,) if self.url else ()) + self.urls))
