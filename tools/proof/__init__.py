"""The proof of docs/proof.md: a small VLM trained on the platform's releases, asked about real pictures.

size.py and questions.py say what is measured, written.py, releases.py and pictures.py let the platform make the data,
data.py puts them together, vectors.py gives each condition its own, model.py trains and asks, run.py keeps answers,
figures.py makes intervals of them, develop.py is what learning rates were chosen with. Not here: what the platform
does.
"""
