"""Making the paper's own training code read a release: a store of vectors and a script that edits a checkout.

None of their code is here: the script knows the pinned commit's files by hash, and which of their lines to replace.
"""

from importlib.resources import files
from pathlib import Path

from unicorn_assets.export.rows import new_folder, stem_of
from unicorn_assets.lineage.diff import Release

FILES = ("apply.py", "unicorn_store.py")
ABOUT = """# {name} in the authors' code

```
git clone https://github.com/Yu-xm/Unicorn && git -C Unicorn checkout f89be62bb8decaf1a2dfaea0e4bd6b5d02c2dbf7
python apply.py Unicorn            # edits three files, adds bunny/util/unicorn_store.py; `git diff` shows all of it
```

Then train by their scripts with `--data_path FOLDER/{stem}.json`, where FOLDER is the release ({rows:,} records,
{dimension} dimensions): vectors are found beside the records, by id, float32, memory-mapped. The projector takes the
release's dimension. `UNICORN_IMAGE_TOKENS` (576 by default) says how often a vector is repeated. A record without a
vector is an error that names it.
"""


def export_authors(release: Release, to: Path) -> list[str]:
    """Write script, store and a note into the folder `to`; returns the names of the files."""
    new_folder(to)
    source = files("unicorn_assets.export") / "unicorn_code"
    for name in FILES:
        (to / name).write_text((source / name).read_text(encoding="utf-8"), encoding="utf-8")
    about = {
        "name": release.name,
        "stem": stem_of(release),
        **{key: release.manifest[key] for key in ("rows", "dimension")},
    }
    (to / "README.md").write_text(ABOUT.format(**about), encoding="utf-8")
    return [*FILES, "README.md"]
