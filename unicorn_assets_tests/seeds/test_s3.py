"""Sources on S3, from a real HTTP server, with nothing but the usual environment variables."""

import gzip
import io
from typing import Any

import fsspec
import polars as pl
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.seeds.catalog import build_catalog
from unicorn_assets.seeds.listing import sources_fingerprint
from unicorn_assets_tests.servers import S3Server, s3_server

__all__ = ["s3_server"]


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    fs.clear_instance_cache()
    if not fs.exists("seeds"):
        s3_server.make_bucket("seeds")
    yield fs
    fs.clear_instance_cache()


def test_every_format_comes_from_s3(bucket: Any, make_recipe: Any) -> None:
    frame = io.BytesIO()
    pl.DataFrame({"text": [f"a parquet cat {n}" for n in range(20_000)]}).write_parquet(frame)
    files = {
        "a.txt": b"a cat\n",
        "a.jsonl.gz": gzip.compress(b'{"text": "a dog"}\n'),
        "a.csv": b"text\nan owl\n",
        "a.parquet": frame.getvalue(),
        "labels.txt": b"osprey\n",
        "templates.txt": b"a photo of a {label}\n",
    }
    for name, content in files.items():
        bucket.pipe_file(f"seeds/{name}", content)
    paths = [{"path": f"s3://seeds/{name}"} for name in list(files)[:4]]
    labels = {"labels": "s3://seeds/labels.txt", "templates": "s3://seeds/templates.txt"}
    result = build_catalog(make_recipe(*paths, labels), None)
    assert result.catalog.height == 20_004
    assert set(result.catalog["text"]) >= {"a cat", "a dog", "an owl", "a parquet cat 19999", "a photo of an osprey"}
    assert "s3://seeds/a.csv" in set(result.catalog["file"])


def test_the_fingerprint_follows_the_object(bucket: Any, make_recipe: Any) -> None:
    recipe = make_recipe({"path": "s3://seeds/b.txt"})
    bucket.pipe_file("seeds/b.txt", b"a cat\n")
    first = sources_fingerprint(recipe)
    bucket.pipe_file("seeds/b.txt", b"a cat\n")
    assert sources_fingerprint(recipe) == first
    bucket.pipe_file("seeds/b.txt", b"a cot\n")
    assert sources_fingerprint(recipe) != first
    # The reader, too, sees the new object and not a listing of the old one.
    bucket.pipe_file("seeds/b.txt", b"a cat and a longer line\n")
    assert build_catalog(recipe, None).catalog["text"].to_list() == ["a cat and a longer line"]


@pytest.mark.parametrize("key", ["seeds/gone.txt", "no-such-bucket/a.txt", "seeds/gone.parquet"])
def test_a_missing_key_is_a_user_error(key: str, bucket: Any, make_recipe: Any) -> None:
    recipe = make_recipe({"path": f"s3://{key}"})
    for act in (sources_fingerprint, lambda recipe: build_catalog(recipe, None)):
        with pytest.raises(UserError, match=f"s3://{key}: there is no such file"):
            act(recipe)


def test_a_server_that_is_away_is_a_user_error(bucket: Any, make_recipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    bucket.clear_instance_cache()
    with pytest.raises(UserError, match=r"s3://seeds/a.txt: cannot be read: .*127.0.0.1:1"):
        sources_fingerprint(make_recipe({"path": "s3://seeds/a.txt"}))


def test_a_folder_and_a_pattern_on_s3(bucket: Any, make_recipe: Any) -> None:
    for name in ("in/a.jsonl", "in/b.jsonl", "in/below/c.jsonl", "in/_SUCCESS", "in/d.jsonl.tmp"):
        bucket.pipe_file(f"seeds/{name}", f'{{"text": "a cat of {name}"}}\n'.encode())
    bucket.touch("seeds/in/")  # how consoles make a folder
    recipe = make_recipe({"path": "s3://seeds/in/"})
    for path in ("s3://seeds/in", "s3://seeds/in/*.jsonl"):
        result = build_catalog(make_recipe({"path": path}), None)
        assert set(result.catalog["file"]) == {"s3://seeds/in/a.jsonl", "s3://seeds/in/b.jsonl"}
    assert build_catalog(make_recipe({"path": "s3://seeds/in/**/*.jsonl"}), None).catalog.height == 3
    first, seen = build_catalog(recipe, None), sources_fingerprint(recipe)
    assert "s3://seeds/in/d.jsonl.tmp:0" in set(first.quarantine["row_id"])
    bucket.pipe_file("seeds/in/0.jsonl", b'{"text": "a dog"}\n')
    assert sources_fingerprint(recipe) != seen
    second = build_catalog(recipe, first.catalog)
    assert second.changes == {"s3://seeds/in/0.jsonl": (1, 0)}
    with pytest.raises(UserError, match="'\\*\\*' can only be an entire path component"):
        build_catalog(make_recipe({"path": "s3://seeds/in/**.jsonl"}), None)
    with pytest.raises(UserError, match=r"s3://seeds/none/: there is no (such file|file of seeds in it)"):
        build_catalog(make_recipe({"path": "s3://seeds/none/"}), None)
