"""Errors that a person can act on. Every room raises these; only the command line and the assets catch them."""

import errno
from collections.abc import Iterator

from unicorn_assets.redaction import redact


class UserError(Exception):
    """Something the user can mend: a recipe, a source file, a missing package, an unreachable server.

    `message` says what is wrong and where (file, row, key); `hint` says what to do next.
    Both lose their secrets here, once for all: whoever prints, logs or stores the error tells none.
    The command line prints both without a traceback and exits with `exit_code`.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        message, hint = redact(message), redact(hint)
        super().__init__(f"{message}\n  -> {hint}" if hint else message)
        self.message = message
        self.hint = hint


class MachineError(UserError):
    """The machine refused: no space, no permission, a file where a folder should be. Also a run ends with code 2 then:
    nothing is wrong with the data.
    """


_REFUSED = frozenset(
    getattr(errno, name)
    for name in (
        "ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY",
        "ENAMETOOLONG", "ELOOP", "EMFILE", "ENFILE", "ENODEV", "ENXIO", "ESTALE", "EBUSY", "ETXTBSY",
    )
    if hasattr(errno, name)
)  # fmt: skip
_DATABASE = ("disk is full", "readonly database", "unable to open database", "disk i/o error", "no space left")
_OBJECT_STORES = frozenset({"botocore", "aiobotocore"})
_LOOK = "look at the path, its permissions and the space on the disk; everything finished is kept"


def machine_error(error: BaseException) -> MachineError | None:
    """The machine's refusal behind an exception, in words with the path; None when something else went wrong."""
    for each in _chain(error):
        if isinstance(each, MachineError):
            return each
        if isinstance(each, OSError) and each.errno in _REFUSED and each.strerror:
            names = (name for name in (each.filename, each.filename2) if name is not None)
            words = ": ".join([str(each.strerror), " -> ".join(map(str, names))]).removesuffix(": ")
            if isinstance(error, UserError):
                return MachineError(error.message, error.hint)  # it was put into better words on its way
            return MachineError(words, _LOOK)
        said = str(each).lower()
        if type(each).__name__ in ("OperationalError", "DatabaseError") and any(what in said for what in _DATABASE):
            return MachineError(f"Dagster's database cannot be written: {str(each).splitlines()[0]}", _LOOK)
        if isinstance(each, ValueError) and "null byte" in said:
            return MachineError("a path holds a NUL character", "look at the paths in the recipe and the environment")
    return None


def store_error(error: BaseException) -> MachineError | None:
    """What an object store's library says of access to it, in words; None when something else went wrong. Within a run
    such an error is its shard's: the store may be back for the next one.
    """
    for each in _chain(error):
        if _OBJECT_STORES & {_package(type(each).__module__), _package(_raised_in(each))}:
            return MachineError(
                f"the object store cannot be used: {' '.join(str(each).split())[:300]}",
                "look at the bucket's name, the keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and the address "
                "(AWS_ENDPOINT_URL); everything finished is kept",
            )
    return None


def _package(module: str) -> str:
    return module.partition(".")[0]


def _raised_in(error: BaseException) -> str:
    """The module that raised it: a wrong address is a plain ValueError of such a library."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return str(at.tb_frame.f_globals.get("__name__", "")) if at is not None else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__
