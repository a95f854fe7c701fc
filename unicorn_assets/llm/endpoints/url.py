"""Servers that somebody else runs: any OpenAI-compatible base URL, one or several with the same model."""

import os
import re

from unicorn_assets.errors import UserError
from unicorn_assets.llm.address import EXAMPLE, Address
from unicorn_assets.llm.endpoints.base import Endpoint
from unicorn_assets.llm.endpoints.probe import alive, check_server
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.redaction import remember
from unicorn_assets.stream import Stream


class UrlEndpoint(Endpoint):
    """Nothing to start: `start` only checks address and key, so that a run fails before its first row. Whether the
    model is there the first request tells; what a server's list of models says against it is a warning.
    """

    def __init__(self, settings: LlmSettings, events: Stream | None = None) -> None:
        super().__init__(events)
        self.model = settings.model
        self.revision = settings.wire.marked(settings.revision or "")
        self._key_env = settings.api_key_env
        addresses = [address_of(url) for url in settings.servers()]
        self._addresses = {address.base: address for address in addresses}
        self.server_count = len(self._addresses)

    def start(self) -> None:
        """Check every server; absent ones may join later, but one must be there."""
        self.headers = _authorisation(self._key_env)
        errors: list[UserError] = []
        for address in self._addresses.values():
            try:
                warning = check_server(address, self.model, self.headers, self._key_env)
            except UserError as error:
                errors.append(error)
            else:
                if warning:
                    self.warn(warning)
        if len(errors) == len(self._addresses):
            raise errors[0]
        self.base_urls = tuple(self._addresses)

    def at(self, base_url: str, path: str) -> str:
        """With the query of llm.url at its end."""
        return self._addresses[base_url].at(path)

    def revive(self, base_url: str) -> str | None:
        """The same address, once somebody answers there again."""
        return base_url if alive(self.at(base_url, "/models"), self.headers) else None


def address_of(url: str) -> Address:
    """The address that a recipe means; raises UserError."""
    try:
        return Address.of(url)
    except ValueError as error:
        raise UserError(f"llm.{error}.", f"{EXAMPLE}.") from None


def normalise(url: str) -> str:
    """`http://host:8000`, `.../v1`, `.../v1/` and `.../v1/chat/completions` all become `http://host:8000/v1`."""
    return address_of(url).base


def _authorisation(key_env: str | None) -> dict[str, str]:
    if key_env is None:
        return {}
    raw = os.environ.get(key_env, "")
    key = raw.strip()
    if key:
        remember(raw)
        remember(key)
    variable = f"The environment variable {_shown(key_env)}(llm.api_key_env)"
    if not key:
        raise UserError(
            f"{variable} is empty.", f"export {_shown(key_env) or 'THE_VARIABLE '}=<your key>.".replace(" =", "=")
        )
    if not re.fullmatch(r"[!-~]+", key):
        raise UserError(
            f"{variable} holds no usable key: it has {_odd(key)} in it.",
            "export the key alone, on one line and without quotes or the word Bearer.",
        )
    return {"Authorization": f"Bearer {key}"}


def _odd(key: str) -> str:
    """What is wrong with a key, without a letter of it."""
    if "\n" in key or "\r" in key:
        return "a line break"
    if " " in key:
        return "a space"
    return "characters that no key has (outside ASCII)" if not key.isascii() else "control characters"


def _shown(name: str) -> str:
    """The variable's name with a space, unless it looks like a key that was written in its place."""
    return f"{name} " if name.isupper() or len(name) < 20 else ""
