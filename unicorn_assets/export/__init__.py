"""A release in the shape that somebody else's trainer reads: a copy beside it, which the release never depends on.

rows.py reads a release from wherever it lies; tars.py writes WebDataset and Energon, hub.py copies and pushes to the
Hugging Face Hub, authors.py makes the paper's own code read it, pictures.py brings real images into its space.
Not here: our own reader (training/).
"""

from unicorn_assets.export.authors import export_authors
from unicorn_assets.export.hub import export_folder, push
from unicorn_assets.export.pictures import export_pictures
from unicorn_assets.export.tars import export_energon, export_webdataset

__all__ = ["export_authors", "export_energon", "export_folder", "export_pictures", "export_webdataset", "push"]
