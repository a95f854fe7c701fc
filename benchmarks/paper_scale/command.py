"""`unicorn` with the encoder's stand-in, in a process of its own: what paper_scale.py measures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from encoder import opened

from unicorn_assets.cli import main
from unicorn_assets.resources.encoder import EncoderResource

if __name__ == "__main__":
    EncoderResource.open = opened  # type: ignore[method-assign,assignment]
    sys.exit(main())
