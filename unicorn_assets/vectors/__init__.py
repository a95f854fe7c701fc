"""Rows of vectors: what they are, how they are read, written, sampled and summed up. Nothing here knows a model.

rows.py says what rows and spaces are; blocks.py and walk.py go over more of them than memory holds; statistics.py,
sketch.py and sample.py keep what is worth keeping of them; files.py, formats.py and output.py are their files.
"""
