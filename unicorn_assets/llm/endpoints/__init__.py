"""Who serves the model. Every endpoint ends in the same thing: base URLs that speak OpenAI chat completions.

`open_endpoint(settings)` picks one: embedded.py starts llama.cpp in a child process, vllm.py starts `vllm serve`,
url.py uses servers that somebody else runs. How they are asked is no concern of this package: see engine.py.
"""

from pathlib import Path

from unicorn_assets.llm.endpoints.base import Endpoint, ServerWarning
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.stream import Stream

__all__ = ["Endpoint", "ServerWarning", "open_endpoint"]


def open_endpoint(
    settings: LlmSettings, log_dir: Path | None = None, base: Path | None = None, events: Stream | None = None
) -> Endpoint:
    """The endpoint the recipe names, not yet started: use it as a context manager.

    `log_dir` takes the log files of servers that we start (default: `logs/` in UNICORN_HOME). `base` is where a
    relative folder of a model starts for vllm: the recipe's folder (default: the working directory).
    `events` gets each ServerWarning.
    """
    if settings.endpoint == "url":
        from unicorn_assets.llm.endpoints.url import UrlEndpoint

        return UrlEndpoint(settings, events)
    if settings.endpoint == "embedded":
        from unicorn_assets.llm.endpoints.embedded import EmbeddedEndpoint

        return EmbeddedEndpoint(settings, log_dir, events)
    from unicorn_assets.llm.endpoints.vllm import VllmEndpoint

    return VllmEndpoint(settings, log_dir, base, events)
