"""Questions with answers in free words: every gate that a pair needs is shared by all tasks (instructions/gates.py)."""

from unicorn_assets.instructions.rules import Rules

RULES = Rules()
