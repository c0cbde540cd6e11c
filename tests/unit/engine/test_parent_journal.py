"""What a branch finds in the journal of its parent."""

from pathlib import Path

import pytest

from sdcpp_restapi.engine.binding.tensors import Shape
from sdcpp_restapi.engine.child.graphs.journal_file import NO_PLACE, JournalFile, ParentJournal, Place

SHAPE = Shape((8, 1, 1, 1), 8)


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "a.journal")
    journal = JournalFile(path, "key", 10_000)
    for place in (NO_PLACE, Place(0, 1, 0), Place(0, 2, 0), Place(1, 1, 0)):
        journal.append(5, SHAPE, bytes([place.image + 1, place.step % 256]) * 4, place)
    journal.close()
    return path


def test_it_has_the_evaluations_of_the_first_steps_of_each_image(path: str) -> None:
    parent = ParentJournal(path, 1)
    assert [parent.has(place) for place in (Place(0, 1, 0), Place(1, 1, 0), Place(0, 2, 0), NO_PLACE)] == [
        True,
        True,
        False,
        False,
    ]
    assert parent.read(Place(1, 1, 0), SHAPE) == bytes([2, 1]) * 4
    parent.close()


def test_with_no_steps_it_has_nothing(path: str) -> None:
    parent = ParentJournal(path, 0)
    assert not parent.has(Place(0, 1, 0))
    parent.close()


def test_a_result_of_another_shape_or_with_a_flipped_bit_is_none(path: str) -> None:
    parent = ParentJournal(path, 2)
    assert parent.read(Place(0, 1, 0), Shape((4, 2, 1, 1), 8)) is None
    data = bytearray(Path(path).read_bytes())
    data[data.rindex(bytes([1, 2]) * 4)] ^= 1
    Path(path).write_bytes(data)
    assert parent.read(Place(0, 2, 0), SHAPE) is None
    parent.close()


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b'{"journal": 1, "key": ""}', b"[]", b"7"])
def test_what_is_no_journal_of_this_version_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b.journal"
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"journal|version"):
        ParentJournal(str(path), 1)


def test_a_journal_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ParentJournal(str(tmp_path / "none"), 1)
