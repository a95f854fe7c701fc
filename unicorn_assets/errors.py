"""Errors that a person can act on. Every room raises these; only the command line and the assets catch them."""

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
