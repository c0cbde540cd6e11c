"""Files in the cache of Hugging Face's own library."""

from pathlib import Path

import pytest

from sdcpp_restapi.downloads.sources.local_cache import find_cache, find_cached
from sdcpp_restapi.schemas.model_sets import SetFile

SHA = "a" * 64


def put(cache: Path, blob: str, size: int = 5) -> None:
    repo = cache / "models--org--name"
    (repo / "blobs").mkdir(parents=True, exist_ok=True)
    (repo / "snapshots/abc/deep").mkdir(parents=True)
    (repo / "blobs" / blob).write_bytes(b"x" * size)
    (repo / "snapshots/abc/deep/a.gguf").symlink_to(f"../../../blobs/{blob}")


def wanted(**more: object) -> SetFile:
    told = {"type": "lora", "repo_id": "org/name", "filename": "deep/a.gguf", "save_as": "a.gguf", "about": 5}
    return SetFile.model_validate(told | more)


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}, "/c"),
        ({"HF_HOME": "/h"}, "/h/hub"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
    ],
)
def test_it_lies_where_the_variables_say(variables: dict[str, str], folder: str) -> None:
    assert find_cache(variables) == Path(folder)


def test_a_blob_is_taken_by_its_hash(tmp_path: Path) -> None:
    put(tmp_path, SHA)
    assert find_cached(tmp_path, wanted(sha256=SHA)) == tmp_path / "models--org--name/blobs" / SHA
    assert find_cached(tmp_path, wanted(sha256="b" * 64)) is None


def test_a_blob_without_a_hash_is_taken_by_its_exact_size_only(tmp_path: Path) -> None:
    put(tmp_path, "0" * 40)
    assert find_cached(tmp_path, wanted(size=5, about=None)) is not None
    assert find_cached(tmp_path, wanted(size=6, about=None)) is None
    assert find_cached(tmp_path, wanted()) is None


def test_a_link_that_leads_nowhere_is_no_file(tmp_path: Path) -> None:
    put(tmp_path, SHA)
    (tmp_path / "models--org--name/blobs" / SHA).unlink()
    assert find_cached(tmp_path, wanted(sha256=SHA)) is None


def test_without_a_cache_nothing_is_found(tmp_path: Path) -> None:
    assert find_cached(tmp_path / "none", wanted(sha256=SHA)) is None
