"""Addresses of model servers as a recipe writes them: checked, and split into a base and its query. No network here."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

EXAMPLE = "write it like http://host:8000/v1"


@dataclass(frozen=True, slots=True)
class Address:
    """`base` without slash at its end; `query` with its question mark, or empty. Messages show the base alone: a query
    may hold a key.
    """

    base: str
    query: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        """`http://host:8000`, `.../v1`, `.../v1/` and `.../v1/chat/completions` all have the base
        `http://host:8000/v1`; any other path is kept. Raises ValueError in words, and never with a secret.
        """
        url = url.strip()
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port  # a port that is none raises here
        except ValueError:
            raise ValueError(f"url is no address of a server; {EXAMPLE}") from None
        if parts.username is not None or parts.password is not None:
            raise ValueError(
                "url holds a user or password, which would reach the catalog and the cards; "
                "put the key into an environment variable and name it in api_key_env"
            )
        if parts.scheme not in ("http", "https") or not host or not re.fullmatch(r"[!-~]+", url) or parts.fragment:
            raise ValueError(f"url is no address of a server; {EXAMPLE}")
        path = parts.path.rstrip("/").removesuffix("/chat/completions")
        return cls(f"{parts.scheme}://{parts.netloc}{path or '/v1'}", f"?{parts.query}" if parts.query else "")

    def at(self, path: str) -> str:
        """The whole address of something below the base."""
        return f"{self.base}{path}{self.query}"
