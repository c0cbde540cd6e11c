"""What is remembered of large folders, and for how long."""

import os
from pathlib import Path

import pytest

from sdcpp_restapi.outputs import stat_cache as module
from sdcpp_restapi.outputs.stat_cache import FileStat, StatCache


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 3)


def looked(stamps: StatCache, folder: Path) -> dict[str, FileStat]:
    look = stamps.reader_for(folder, folder.stat().st_mtime_ns)
    with os.scandir(folder) as entries:
        return {entry.name: look(entry) for entry in entries}


def filled(folder: Path, count: int) -> Path:
    for number in range(count):
        (folder / f"{number}.png").write_bytes(b"x" * number)
    return folder


def change(path: Path) -> None:
    """In place, so that the folder's own date stays."""
    with path.open("ab") as file:
        file.write(b"more")


def test_a_large_folder_is_remembered(tmp_path: Path) -> None:
    stamps = StatCache()
    before = looked(stamps, filled(tmp_path, 3))
    change(tmp_path / "1.png")
    assert [stamp.size for _, stamp in sorted(before.items())] == [0, 1, 2]
    assert looked(stamps, tmp_path) == before


def test_a_small_folder_is_asked_anew(tmp_path: Path) -> None:
    stamps = StatCache()
    looked(stamps, filled(tmp_path, 2))
    change(tmp_path / "1.png")
    assert looked(stamps, tmp_path)["1.png"].size == 5


def test_a_folder_in_which_something_came_or_went_is_asked_anew(tmp_path: Path) -> None:
    stamps = StatCache()
    looked(stamps, filled(tmp_path, 4))
    change(tmp_path / "1.png")
    (tmp_path / "3.png").unlink()
    os.utime(tmp_path, (1, 1))  # whatever the precision of the file system's clock
    assert looked(stamps, tmp_path)["1.png"].size == 5


def test_nothing_is_remembered_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.0)
    stamps = StatCache()
    looked(stamps, filled(tmp_path, 3))
    change(tmp_path / "1.png")
    assert looked(stamps, tmp_path)["1.png"].size == 5


def test_only_the_folders_looked_at_last_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_FOLDERS", 1)
    stamps = StatCache()
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        looked(stamps, filled(folder, 3))
        change(folder / "1.png")
    assert [looked(stamps, folder)["1.png"].size for folder in reversed(folders)] == [1, 5]
