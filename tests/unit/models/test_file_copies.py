"""Copies of model files are made once, and deleted with their source, or when there are too many."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sdcpp_restapi.models.file_copies import SPARED, FileCopies

KILOBYTE = np.zeros(1024, np.uint8)


def write(target: Path, metadata: Mapping[str, str]) -> None:
    save_file({"a": KILOBYTE}, target, dict(metadata))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "copies"


@pytest.fixture
def copies(folder: Path) -> FileCopies:
    return FileCopies(folder, most_bytes=3000)


def put(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.write_bytes(name.encode())
    return path


def set_used(copy: Path, seconds_ago: float) -> None:
    at = time.time() - seconds_ago
    os.utime(copy, (at, at))


def test_a_copy_is_made_once_for_each_version_and_form(tmp_path: Path, copies: FileCopies) -> None:
    source = put(tmp_path, "a")
    copy = copies.get(source, "f32", write)
    inode = os.stat(copy).st_ino
    assert copies.get(source, "f32", write) == copy
    assert os.stat(copy).st_ino == inode
    other = copies.get(source, "names", write)
    assert other != copy
    assert copy.exists()
    source.write_bytes(b"changed")
    assert copies.get(source, "f32", write) not in (copy, other)
    assert not copy.exists()
    assert not other.exists()


@pytest.mark.parametrize("name", ["a", "with space", "ä%20", "nul\udcff"])
def test_a_copy_goes_with_its_source_whatever_that_is_called(
    tmp_path: Path, copies: FileCopies, name: str
) -> None:
    source = tmp_path / name
    source.write_bytes(b"x")
    copy = copies.get(source, "f32", write)
    copies.sweep()
    assert copy.exists()
    source.unlink()
    copies.sweep()
    assert not copy.exists()


def test_of_too_many_the_oldest_unused_go_but_none_of_the_last_hour(
    tmp_path: Path, folder: Path, copies: FileCopies
) -> None:
    made = [copies.get(put(tmp_path, name), "f32", write) for name in "abcd"]
    assert all(one.exists() for one in made)
    for seconds, one in enumerate(made):
        set_used(one, SPARED + 100 - seconds)
    copies.get(tmp_path / "a", "f32", write)  # a use
    copies.sweep()
    assert [one.exists() for one in made] == [True, False, False, True]
    set_used(made[3], 0)
    FileCopies(folder, most_bytes=0).sweep()
    assert [one.exists() for one in made] == [True, False, False, True]


def test_what_a_broken_write_left_is_deleted(tmp_path: Path, folder: Path, copies: FileCopies) -> None:
    copy = copies.get(put(tmp_path, "a"), "f32", write)
    (folder / ".x.safetensors.1.tmp").write_bytes(b"half")
    (folder / "damaged.safetensors").write_bytes(b"half")
    copies.sweep()
    assert list(folder.iterdir()) == [copy]


def test_without_a_folder_there_is_nothing_to_delete(copies: FileCopies, folder: Path) -> None:
    copies.sweep()
    assert not folder.exists()
