"""The pocket encoder: a small image-text pair, trained on emoji pictures, so that everything runs without a network.

model.py and encoder.py use it; files.py reads what is shipped beside the weights, in narrow/ and wide/ (its two gap
widths). What trains it lies outside the package, in tools/pocket/.
It is a default and a yardstick for an icon domain, not a good general encoder: narrow/README.md says what to use
instead.
"""
