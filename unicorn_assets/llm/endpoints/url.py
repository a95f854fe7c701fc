"""Servers that somebody else runs: any OpenAI-compatible base URL, one or several with the same model."""

import os
from urllib.parse import urlsplit

from unicorn_assets.errors import UserError
from unicorn_assets.llm.endpoints.base import Endpoint
from unicorn_assets.llm.endpoints.probe import alive, check_server
from unicorn_assets.llm.settings import LlmSettings


class UrlEndpoint(Endpoint):
    """Nothing to start: `start` only checks address, key and model, so that a run fails before its first row."""

    def __init__(self, settings: LlmSettings) -> None:
        super().__init__()
        self.model = settings.model
        self.revision = settings.revision or ""
        self._key_env = settings.api_key_env
        self._urls = tuple(normalise(url) for url in settings.servers())

    def start(self) -> None:
        """Check every server; absent ones may join later, but one must be there."""
        self.headers = _authorisation(self._key_env)
        errors: list[UserError] = []
        for url in self._urls:
            try:
                check_server(url, self.model, self.headers, self._key_env)
            except UserError as error:
                errors.append(error)
        if len(errors) == len(self._urls):
            raise errors[0]
        self.base_urls = self._urls

    def revive(self, base_url: str) -> str | None:
        """The same address, once somebody answers there again."""
        return base_url if alive(base_url, self.headers) else None


def normalise(url: str) -> str:
    """`http://host:8000`, `.../v1`, `.../v1/` and `.../v1/chat/completions` all become `http://host:8000/v1`."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UserError(f"llm.url '{url}' is no address of a server.", "write it like http://host:8000/v1.")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def _authorisation(key_env: str | None) -> dict[str, str]:
    if key_env is None:
        return {}
    key = os.environ.get(key_env, "").strip()
    if not key:
        raise UserError(
            f"The environment variable {key_env} (llm.api_key_env) is empty.", f"export {key_env}=<your key>."
        )
    return {"Authorization": f"Bearer {key}"}
