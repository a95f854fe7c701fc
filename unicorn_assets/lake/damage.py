"""What is damaged in a lake: an event of its stream. Not here: finding it (store.py, seals.py)."""

from dataclasses import dataclass

ASIDE = ".damaged-"
"""Behind the name of a file or release that was set aside, before the time; no listing of data finds such names."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of the lake that cannot be used. `aside`: its new name, where it was set aside."""

    name: str
    reason: str
    aside: str = ""

    def __str__(self) -> str:
        """One line for people."""
        where = f"set aside as {self.aside} and made again" if self.aside else "the next `unicorn run` makes it again"
        return f"{self.name} is damaged ({self.reason}) and counts as not there; {where}"
