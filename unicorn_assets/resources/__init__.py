"""Dagster resources: thin adapters that hand assets a lake, an LLM, an encoder and somebody who shows progress.

Here: lifetimes (started on first use, stopped with the run). Not here: what they do (the domain rooms).
"""

from unicorn_assets.resources.encoder import EncoderResource
from unicorn_assets.resources.lake import LakeResource
from unicorn_assets.resources.llm import LlmResource
from unicorn_assets.resources.progress import ProgressResource
from unicorn_assets.resources.variant import RecipeResource

__all__ = ["EncoderResource", "LakeResource", "LlmResource", "ProgressResource", "RecipeResource"]
