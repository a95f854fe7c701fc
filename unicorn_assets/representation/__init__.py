"""Stage 3: encoders, the image reference, the move from text to image space, and the gap before and after.

vectors.py and packing.py hold what all of them share: checked unit rows, the space they live in, safe files.
Arrays are numpy; torch appears only inside encoders/ and pocket/. Not here: where data is stored, when it is computed.
"""
