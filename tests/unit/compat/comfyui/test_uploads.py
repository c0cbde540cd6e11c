"""Uploaded pictures have plain names, and do not pile up."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sdcpp_restapi.compat.comfyui import uploads as module
from sdcpp_restapi.compat.comfyui.uploads import Uploads
from sdcpp_restapi.errors import BadRequest, DiskFull, InvalidPath, NotFound
from sdcpp_restapi.outputs.folder import OutputFolder


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    (tmp_path / "output/job").mkdir(parents=True)
    (tmp_path / "output/job/image_0.png").write_bytes(b"made")
    return Uploads(tmp_path / "uploads", OutputFolder(tmp_path / "output"))


def test_a_picture_is_found_by_the_name_that_it_got(uploads: Uploads) -> None:
    assert uploads.save("a/b", "cat.png", b"1", False) == "cat.png"
    assert uploads.save("a/b", "cat.png", b"2", False) == "cat (1).png"
    assert uploads.save("a/b", "cat.png", b"2", False) == "cat (1).png"
    assert uploads.find("a/b/cat (1).png").read_bytes() == b"2"
    assert uploads.find("a/b/cat.png [input]").read_bytes() == b"1"
    assert uploads.list_names() == ["a/b/cat (1).png", "a/b/cat.png"]


def test_folders_in_a_name_are_left_out(uploads: Uploads) -> None:
    assert uploads.save("", "C:\\pictures\\cat.png", b"1", False) == "cat.png"
    assert uploads.save("", "/home/me/cat.png", b"1", False) == "cat.png"


def test_a_picture_that_a_job_made_is_named_as_an_output(uploads: Uploads) -> None:
    assert uploads.find("job/image_0.png [output]").read_bytes() == b"made"
    with pytest.raises(NotFound):
        uploads.find("job/image_1.png [output]")
    with pytest.raises(InvalidPath):
        uploads.find("../uploads/x.png [output]")


@pytest.mark.parametrize("name", ["", ".", "..", ".png", "x", "x.svg", "a\nb.png", "x" * 300 + ".png"])
def test_a_name_is_that_of_a_picture(uploads: Uploads, name: str) -> None:
    with pytest.raises(BadRequest, match="image"):
        uploads.save("", name, b"1", False)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", ".x", "a\\b", "a\0b", "/".join("abcdefghi")])
def test_no_path_leaves_the_folder(uploads: Uploads, path: str) -> None:
    with pytest.raises(BadRequest, match="subfolder"):
        uploads.save(path, "cat.png", b"1", False)
    with pytest.raises(BadRequest, match="image"):
        uploads.find(f"{path}/cat.png")


def test_the_oldest_are_deleted(uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        uploads.save("", f"{number}.png", b"1234", False)
        os.utime(tmp_path / f"uploads/{number}.png", (number, number))
    monkeypatch.setattr(module, "MOST_FILES", 3)
    uploads.save("", "new.png", b"1234", False)
    assert uploads.list_names() == ["2.png", "3.png", "new.png"]
    monkeypatch.setattr(module, "MOST_BYTES", 4)
    uploads.save("", "newer.png", b"1234", False)
    assert uploads.list_names() == ["newer.png"]


def test_a_full_disk_is_told(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(_path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(DiskFull):
        uploads.save("", "cat.png", b"1", False)


def test_uploads_of_one_name_at_the_same_time_get_names_of_their_own(uploads: Uploads) -> None:
    pictures = [bytes([number]) * 50_000 for number in range(8)]
    with ThreadPoolExecutor(len(pictures)) as threads:
        names = list(
            threads.map(lambda content: uploads.save("", "a.png", content, overwrite=False), pictures)
        )
    assert [uploads.find(name).read_bytes() for name in names] == pictures


def test_a_picture_that_is_replaced_is_whole_at_any_time(uploads: Uploads) -> None:
    pictures = [bytes([number]) * 50_000 for number in range(8)]

    def replace(content: bytes) -> bytes:
        uploads.save("", "a.png", content, overwrite=True)
        return uploads.find("a.png").read_bytes()

    with ThreadPoolExecutor(len(pictures)) as threads:
        assert set(threads.map(replace, pictures * 10)) <= set(pictures)
