"""Quality of text: words, prose gates that every generated sentence meets, near-duplicates over the whole corpus.

Not here: gates that belong to one stage (captions/gates.py, instructions/gates.py).
"""
