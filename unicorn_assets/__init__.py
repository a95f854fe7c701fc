"""Training data for vision-language models from text alone, as a Dagster data platform.

The folders follow the data: seeds -> llm, captions, instructions -> curation -> encoders, images, transfer, gap
-> release.
"""

__version__ = "0.1.0"
