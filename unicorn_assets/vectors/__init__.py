"""Rows of vectors: what they are, how they are read, written, sampled and summed up. Nothing here knows a model.

rows.py says what rows and spaces are; blocks.py cuts them; walk.py takes steps with them, compiled (kernels.py) or in
numpy (plain_steps.py); statistics.py, sketch.py and sample.py keep what is worth keeping of them; files.py, formats.py,
output.py and packing.py are their files.
"""
