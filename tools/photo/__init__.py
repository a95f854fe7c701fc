"""Makes the photo width of the pocket encoder: `python -m tools.photo.train`.

A classifier, ImageNet's class names, MiniLM and some emoji are all it is made of; no photograph. What runs of it is
unicorn_assets/encoders/pocket/photo_model.py. Here: names.py the texts, emoji.py some pictures, tower.py the frozen
image side, maps.py the ways between them, train.py the run, card.md what people are told. How good it is,
benchmarks/photo.py measures.
"""
