"""Encoders: texts or images in, unit vectors out, whatever model does it.

`open_encoder(recipe)` gives an `Encoder`; `encoder_version(recipe)` names it without loading anything. protocol.py says
what an encoder is, identity.py which weights it has, batches.py how rows share a batch; one module per kind of model.
"""

from unicorn_assets.representation.encoders.identity import encoder_version, identify
from unicorn_assets.representation.encoders.opening import open_encoder
from unicorn_assets.representation.encoders.protocol import Encoder, space_of, truncated_rows

__all__ = ["Encoder", "encoder_version", "identify", "open_encoder", "space_of", "truncated_rows"]
