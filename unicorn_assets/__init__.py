"""Training data for vision-language models from text alone, as a Dagster data platform.

The folders follow the data: seeds -> llm, captions, instructions -> curation -> encoders, images, transfer, gap
-> release.
"""

import os

# Threads of OpenMP that wait for each other at a barrier spin, by default for so long that beside other programs on
# the same cores a small model took four times the CPU seconds, and the embedded LLM twenty times as long; threads that
# sleep at once cost a third on an idle machine. A short spin costs neither. It is read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

__version__ = "0.1.0"
