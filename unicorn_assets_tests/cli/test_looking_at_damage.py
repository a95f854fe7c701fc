"""Commands that look at a damaged lake: a line that names the file, an exit code for it, and never a traceback."""

import shutil
from pathlib import Path

import pytest

from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.finished import unicorn
from unicorn_assets_tests.small_lake import SHARDS
from unicorn_assets_tests.test_checkup import full_lake, spoil

LOOKS = (("status",), ("show", "captions"), ("show", "quarantine"), ("quarantine",), ("verify",))
KINDS = {  # file: the looks, beside `verify`, that name it
    "tables/seed_catalog/all.parquet": {"status"},
    "tables/captions/birds-00000.parquet": {"status", "show captions", "lineage"},
    "tables/quarantine/caption_drafts/birds-00000.parquet": {"show quarantine", "quarantine"},
    "vectors/image_embeddings/birds-00000.safetensors": {"status"},
    "artifacts/transfer.safetensors": set(),
    "ledger/spend/one.json": {"status"},
    "redrives/caption_drafts/birds-00000.json": set(),
    "verdicts/captions/birds-00000.json": set(),
    "statistics/text_embeddings/birds-00000.safetensors": set(),
    "releases/unicorn_1_2m/LATEST": set(),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "home"
    full_lake(home / "lake")
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    return Path(shutil.copytree(made, tmp_path / "home"))


@pytest.mark.parametrize("how", ["cut", "junk", "folder"])
@pytest.mark.parametrize("name", KINDS)
def test_whoever_meets_a_damaged_file_names_it(home: Path, name: str, how: str) -> None:
    caption = Lake(str(home / "lake")).read("captions", SHARDS[0])["caption_id"][0]
    spoil(home / "lake" / name, how)
    for look in (*LOOKS, ("lineage", caption)):
        found = unicorn(home, *look)
        assert "Traceback" not in found.output
        assert "fault of the program" not in found.output
        said = " ".join(look).removesuffix(f" {caption}")
        if said == "verify":
            assert found.exit_code == 1, found.output
            assert name in found.output
        else:
            assert found.exit_code == 0, (look, found.output)
        if said in KINDS[name]:
            assert name in found.output, (look, found.output)


def test_a_changed_release_names_file_and_remedy(home: Path) -> None:
    (folder,) = (home / "lake/releases/unicorn_1_2m").glob("[0-9a-f]*")
    spoil(folder / "Pretrain.json", "cut")
    found = unicorn(home, "verify")
    assert found.exit_code == 1, found.output
    (line,) = [line for line in found.output.splitlines() if line.startswith("damaged ")]
    for words in (f"releases/unicorn_1_2m/{folder.name}", "Pretrain.json has ", "the next `unicorn run` cuts it again"):
        assert words in line
    assert unicorn(home, "status").exit_code == 0
