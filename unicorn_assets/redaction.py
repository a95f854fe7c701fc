"""What must never be told: keys and passwords are cut out of every text that leaves the process.

Here: what a secret looks like, and which values are known to be one. Not here: the places that print or store
(errors.py and cli/console.py pass everything through `redact`; what enters the lake goes through `identify`).
Only the standard library, and no other room of this package: everybody may import it.
"""

import base64
import contextlib
import hashlib
import html
import json
import os
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

GONE = "***"

_SECRET_NAME = re.compile(
    r"(?:API_?KEY|ACCESS_KEY(?:_ID)?|SECRET(?:_KEY)?|TOKEN|PASSWORD|PASSWD|PASSPHRASE|_KEY|CONNECTION_STRING)$",
    re.IGNORECASE,
)
"""Environment variables whose values are taken for secrets, such as AWS_SECRET_ACCESS_KEY and HF_TOKEN."""

# Bounded repeats keep hostile text linear: nobody's password is longer.
_USER_INFO = re.compile(
    r"(?P<keep>[a-z][a-z0-9+.-]{0,30}:/{1,3})"
    r"""(?P<cut>[^\s/?#"'<>@]{0,1024}(?:@[^\s/?#"'<>@]{0,256}){0,4}|[^\s/:@"'<>]{0,256}:(?!\d+/)[^\s@"'<>]{0,1024})@""",
    re.IGNORECASE,
)
_QUERY = re.compile(
    r"(?P<keep>(?:[?&;]|\\u0026|%26|&amp;)(?:[\w.-]{0,60}[_.-])?"
    r"(?:sig|signature|credential|token|key|keyid|id_token|api-?key|accesskey|accesskeyid|awsaccesskeyid|googleaccessid"
    r"|accesstoken|authtoken|auth|authorization|password|passwd|pwd|pass|secret|client_?secret|code|policy|se|st|skoid|sktid)"
    r"""(?:=|%3D))(?P<cut>[^&;\s"'<>#\\]{1,4096})""",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"""(?P<keep>(?<![a-z0-9])(?:[a-z0-9]{1,20}[_-]){0,4}(?:api[_-]?key|access[_-]?token|auth[_-]?token|id[_-]?token|password|passwd"""
    r"""|secret[_-]?key|secret[_-]?access[_-]?key|access[_-]?key|account[_-]?key|client[_-]?secret|security[_-]?token|session[_-]?token"""
    r"""|aws[_-]?access[_-]?key[_-]?id)"""
    r"""\\{0,3}["']?\s{0,4}(?:=>|=|:)\s{0,4}(?:b(?=["']))?\\{0,3}["']?)(?P<cut>(?!\*\*\*)[^\s"',;&}\])\\]{4,4096})""",
    re.IGNORECASE,
)
_FLAG = re.compile(
    r"""(?P<keep>--(?:api-?key|token|password|secret|hf-token)["']?(?:=|,?\s{1,4})["']?)(?P<cut>[^\s"',\]]{1,4096})""",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"""(?P<keep>(?<![a-z0-9])(?:proxy-)?authorization\\{0,3}["']?\s{0,4}[:=,]\s{0,4}(?:b(?=["']))?\\{0,3}["']?)"""
    r"""(?P<cut>[^\r\n"'\\]{1,4096})""",
    re.IGNORECASE,
)
_BEARER = re.compile(
    r"""(?P<keep>(?<![a-z0-9])Bearer(?:\s|%20|\+|\\n|\\r|\\t){1,4})(?P<cut>[^\s"',;<>\\]{4,4096})""", re.IGNORECASE
)
_SHAPE = re.compile(
    r"(?P<keep>(?<![A-Za-z0-9]))(?P<cut>"
    r"(?:sk|pk|rk)-[A-Za-z0-9_-]{8,400}|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,400}|hf_[A-Za-z0-9]{8,400}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,32}|gh[pousr]_[A-Za-z0-9]{12,400}|github_pat_[A-Za-z0-9_]{12,400}"
    r"|glpat-[A-Za-z0-9_-]{12,400}|xox[a-z]-[A-Za-z0-9-]{8,400}|AIza[A-Za-z0-9_-]{24,400}|(?:nvapi|gsk|r8)[-_][A-Za-z0-9_-]{16,400}"
    r"|eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{4,8192}(?:\.[A-Za-z0-9_-]{0,4096})?"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]{0,16384}?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z))"
)
_PATTERNS = (_USER_INFO, _QUERY, _HEADER, _NAMED, _FLAG, _BEARER, _SHAPE)

_MIN_KNOWN = 4
"""Shorter values are never taken for secrets: cutting them out would spoil every other text."""
_MIN_ANYWHERE = 8
"""Shorter ones are cut out where they stand as words, longer ones everywhere."""

_remembered: set[str] = set()
_variables: set[str] = set()


def remember(secret: str) -> None:
    """From now on `secret` is cut out of every text, in whatever form it stands there."""
    if len(secret.strip()) >= _MIN_KNOWN:
        _remembered.add(secret)


def remember_variable(name: str | None) -> None:
    """From now on what the environment variable `name` holds, now or later, is a secret."""
    if name:
        _variables.add(name)


def learn(text: str) -> None:
    """Remember the secrets that stand in `text`, such as the password of a URL: libraries may tell them alone."""
    for pattern in (_USER_INFO, _QUERY, _NAMED, _FLAG, _BEARER, _SHAPE):
        for found in pattern.finditer(text):
            cut = found["cut"]
            for secret in (cut.partition(":")[2],) if pattern is _USER_INFO else (cut,):
                if len(secret) >= _MIN_ANYWHERE - 2:
                    remember(secret)


def holds_secret_name(name: str) -> bool:
    """Whether a variable of this name usually holds a secret."""
    return _SECRET_NAME.search(name) is not None


def redact(text: str) -> str:
    """`text` with `***` in place of every secret: known values, passwords in URLs, signatures, headers, key shapes."""
    text = redact_known(text)
    for pattern in _PATTERNS:
        text = pattern.sub(_cut, text)
    return text


def redact_known(text: str) -> str:
    """`text` without the values that are known to be secret; for rows of data, in which words such as "password: 1"
    are only words.
    """
    return known_now()(text)


def known_now() -> Callable[[str], str]:
    """`redact_known` with the secrets of this moment, for many texts: looking through the environment takes longer
    than looking through a text.
    """
    secrets = _values()
    if not secrets:
        return str
    forms, known = _known(secrets)

    def cleaned(text: str) -> str:
        if any(form in text for form in forms):  # much faster than the pattern, and nearly always all that is needed
            text = known.sub(GONE, text)
        return _without_cut_off(text, secrets)

    return cleaned


def identify(text: str) -> str:
    """`text` to be stored: without its secrets, and where it had some, with a hash of the whole, so that two sources
    that differ in nothing else stay two. Text without secrets is returned as it is.
    """
    told = redact(text)
    if told == text:
        return text
    return f"{told}#{hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}"


def scrub(error: BaseException) -> None:
    """Take the secrets out of an error and of all that led to it, before somebody stores its trace."""
    waiting, done = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in done:
            continue
        done.add(id(one))
        with contextlib.suppress(Exception):  # an error with attributes of its own kind stays as it is
            one.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in one.args)
            for name, value in list(vars(one).items()):
                if isinstance(value, str):
                    setattr(one, name, redact(value))
        waiting += [each for each in (one.__cause__, one.__context__) if each is not None]


def _cut(found: re.Match[str]) -> str:
    return found["keep"] + GONE + ("@" if found.re is _USER_INFO else "")


def _values() -> frozenset[str]:
    """All values that are secrets now: remembered ones, and those in the environment."""
    found = set(_remembered)
    for name, value in os.environ.items():
        if name in _variables:
            if len(value.strip()) >= _MIN_KNOWN:
                found.add(value)
        elif len(value.strip()) >= _MIN_ANYWHERE and holds_secret_name(name):
            found.add(value)
    return frozenset(found)


@lru_cache(maxsize=8)
def _known(secrets: frozenset[str]) -> tuple[list[str], re.Pattern[str]]:
    """All forms of all secrets, and one pattern for them; the longest form that fits wins."""
    forms = {form for secret in secrets for form in _forms(secret)}
    ordered = sorted(forms, key=lambda form: (-len(form), form))
    return ordered, re.compile("|".join(_anywhere_or_word(form) for form in ordered))


def _anywhere_or_word(form: str) -> str:
    return re.escape(form) if len(form) >= _MIN_ANYWHERE else rf"(?<!\w){re.escape(form)}(?!\w)"


def _forms(secret: str) -> Iterator[str]:
    """How a secret may stand in a text: as it is, in parts, escaped by URLs, JSON, HTML, Python, or in Base64."""
    parts = secret.split()
    whole = [secret, secret.strip(), " ".join(parts), "".join(parts), *(p for p in parts if len(p) >= _MIN_ANYWHERE)]
    for plain in dict.fromkeys(whole):
        if len(plain) < _MIN_KNOWN:
            continue
        yield plain
        raw = plain.encode("utf-8", "surrogatepass")
        yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
        yield from (json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1])
        yield from (repr(plain)[1:-1], ascii(plain)[1:-1], repr(raw)[2:-1], html.escape(plain))
        yield raw.decode("latin-1")  # how a client that reads headers as Latin-1 shows a key in UTF-8
        if len(raw) >= _MIN_ANYWHERE:
            yield raw.hex()
            yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The Base64 of a secret, alone or with something before it, as in `Basic user:key`: three ways to lie on the
    grid of three bytes. Characters that depend on the neighbours are left out.
    """
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + raw).decode().rstrip("=")
            text = text[(0, 2, 3)[shift] :]
            yield text if (len(raw) + shift) % 3 == 0 else text[:-1]


def _without_cut_off(text: str, secrets: frozenset[str]) -> str:
    """A message that was cut to a length may end within a secret: its beginning goes as well."""
    end = text.rstrip("….'\" ")
    if not end.endswith(_beginnings(secrets)):
        return text
    for secret in secrets:
        for length in range(min(len(secret), len(end)), _MIN_ANYWHERE - 1, -1):
            if end.endswith(secret[:length]):
                return end[:-length] + GONE + text[len(end) :]
    return text


@lru_cache(maxsize=8)
def _beginnings(secrets: frozenset[str]) -> tuple[str, ...]:
    """The shortest beginnings by which secrets that were cut off are known: one look for all of them."""
    return tuple(secret[:length] for secret in secrets for length in range(_MIN_ANYWHERE, len(secret) + 1))
