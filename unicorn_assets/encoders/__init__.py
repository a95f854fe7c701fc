"""Encoders: texts or images in, unit vectors out, whatever model does it.

`open_encoder(recipe)` gives an `Encoder`; `encoder_version(recipe)` names it without loading anything. protocol.py says
what an encoder is, identity.py which weights it has, fingerprint.py what local files hold, devices.py where it runs,
batches.py how rows share a batch, pictures.py how pictures enter; one encoder per family of models, with its loading
beside it. pocket/ is the one that comes with the package; no other encoder imports it.
"""

from unicorn_assets.encoders.identity import encoder_version, identify
from unicorn_assets.encoders.opening import fetch_weights, open_encoder
from unicorn_assets.encoders.protocol import Encoder, about, space_of

__all__ = [
    "Encoder",
    "about",
    "encoder_version",
    "fetch_weights",
    "identify",
    "open_encoder",
    "space_of",
]
