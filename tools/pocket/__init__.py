"""Trains the pocket encoder again from emoji pictures and descriptions: scripts/train-pocket.

What runs of it is unicorn_assets/encoders/pocket. Here:
concepts.py, captions.py, descriptions.py and pictures.py make the material, augment.py, image_features.py,
text_features.py and heads.py the model, train.py and evaluate.py the run and its measures, config.py and card.py what
open_clip and people are told.
"""
