"""The move of text vectors to where image vectors live.

steps.py says what each method does to a row, aniso.py does the one method that is more than a few steps, fitted.py
holds a fitted move and applies it, fitting.py fits it, noise.py is the noise of C3. files.py streams whole files,
samples.py draws the rows of a report. Statistics come from vectors/; what a move achieves is measured in gap/.
"""

from unicorn_assets.transfer.fitted import MOST_FILE, Transfer
from unicorn_assets.transfer.fitting import Shards, fit
from unicorn_assets.transfer.noise import noisy, sigma_of
from unicorn_assets.transfer.steps import METHODS

__all__ = ["METHODS", "MOST_FILE", "Shards", "Transfer", "fit", "noisy", "sigma_of"]
