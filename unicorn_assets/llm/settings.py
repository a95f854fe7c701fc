"""The recipe's `llm:` section: which model answers, who serves it, and the budgets of a row.

Only values live here. What they mean on the wire is in request.py, how they steer a run in engine.py.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    def body(self) -> dict[str, Any]:
        """The fields of the request body, those that are unset left out (a new option never changes old keys)."""
        fields = self.model_dump(mode="json", exclude_none=True, exclude={"extra"})
        return fields | self.extra


class Price(BaseModel):
    """Price of a model in USD per million tokens. Never guessed: without it a run reports no cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached_prompt: float | None = Field(None, ge=0, description="price of prompt tokens served from the server's cache")


class LlmSettings(BaseModel):
    """Which model, who serves it, how hard to ask, and when to give up."""

    model_config = ConfigDict(extra="forbid")

    endpoint: Literal["embedded", "url", "vllm"] = "embedded"
    model: str = EMBEDDED_MODEL
    revision: str | None = Field(None, description="enters the journal's key; set it when a server changes its weights")
    url: str | None = Field(None, description="base URL of an OpenAI-compatible server, with or without /v1")
    urls: tuple[str, ...] = Field((), description="several such servers with the same model")
    api_key_env: str | None = Field(None, description="name of the environment variable that holds the key")
    concurrency: int = Field(64, ge=1, le=4096, description="requests in flight per server")
    slots: int = Field(8, ge=1, le=64, description="embedded: answers generated side by side")
    context: int = Field(2048, ge=256, description="embedded: tokens of prompt and answer per slot")
    timeout_s: float = Field(300.0, gt=0, description="one request, from sending to the last byte")
    start_timeout_s: float = Field(120.0, gt=0, description="managed servers: until the first healthy answer")
    patience_s: float = Field(120.0, gt=0, description="longest time without any good answer before the run stops")
    max_attempts: int = Field(5, ge=1, description="transport attempts per draft")
    max_drafts: int = Field(3, ge=1, description="drafts per row before it is quarantined")
    max_row_tokens: int | None = Field(None, ge=1, description="completion tokens a row may use over all its drafts")
    max_answer_bytes: int = Field(262_144, ge=1024, description="larger HTTP answers are refused")
    max_restarts: int = Field(3, ge=0, description="managed servers: restarts after a crash")
    price: Price | None = None

    @model_validator(mode="after")
    def _endpoint_has_what_it_needs(self) -> "LlmSettings":
        if self.endpoint == "url" and not self.servers():
            raise ValueError("endpoint 'url' needs `url` (or `urls`)")
        if self.endpoint != "url" and self.servers():
            raise ValueError(f"endpoint '{self.endpoint}' starts its own server: remove `url`, or set endpoint: url")
        return self

    def servers(self) -> tuple[str, ...]:
        """All base URLs, without repeats, in the recipe's order."""
        return tuple(dict.fromkeys(((self.url,) if self.url else ()) + self.urls))
