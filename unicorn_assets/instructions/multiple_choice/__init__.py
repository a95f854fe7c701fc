"""Questions with four options, one of them right; asked at once, or in two steps for small models."""

from unicorn_assets.instructions.multiple_choice.answer import ChoicePair, finish
from unicorn_assets.instructions.multiple_choice.gates import choice_fault, option_fault
from unicorn_assets.instructions.multiple_choice.two_steps import two_steps
from unicorn_assets.instructions.rules import Rules

RULES = Rules(ChoicePair, choice_fault, option_fault, finish, two_steps=two_steps)
