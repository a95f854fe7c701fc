"""The stream of this process: what its lake, journal and servers tell, whichever run is at work.

Dagster builds resources anew from their configuration, so a stream cannot travel inside one.
"""

from unicorn_assets.stream import Stream

EVENTS = Stream()
