"""Is my data good? The state of every shard of every asset, and a page that shows it at a glance.

Here: states, rates of refusal, the page. Not here: judging (checks/), proving files (lake/, checkup.py), the terminal.
"""

from unicorn_assets.health.states import Cell, Health, State, health
from unicorn_assets.health.wanted import Wanted, wanted_of

__all__ = ["Cell", "Health", "State", "Wanted", "health", "wanted_of"]
