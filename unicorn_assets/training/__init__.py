"""Training on a release: a dataset, a sampler and a collator for torch, and one recipe for a LLaVA-like model.

vectors.py and records.py read single rows of a release's files, dataset.py joins them, sampler.py says in which order,
collator.py makes batches; llava.py trains. torch is imported where tensors are made, and nowhere else. Not here: what
makes a release (release/), formats of other trainers (export/).
"""

from unicorn_assets.training.collator import CHAT, PLAIN, Collator, Template
from unicorn_assets.training.dataset import ReleaseDataset, Sample
from unicorn_assets.training.sampler import ReleaseSampler
from unicorn_assets.training.vectors import Vectors

__all__ = ["CHAT", "PLAIN", "Collator", "ReleaseDataset", "ReleaseSampler", "Sample", "Template", "Vectors"]
