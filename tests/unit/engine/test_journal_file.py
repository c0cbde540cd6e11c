"""The journal of a job as a file: whole records count, whatever became of the rest."""

from pathlib import Path

import pytest

from sdcpp_restapi.engine.binding.measurements import JOURNAL_HEADER
from sdcpp_restapi.engine.binding.tensors import Shape
from sdcpp_restapi.engine.child.graphs.journal_file import JournalFile

RESULTS = [bytes([number]) * 16 for number in range(4)]
SHAPE = Shape((4, 1, 1, 1), 16)


def open_file(path: Path, key: str = "a key", most_bytes: int = 10_000) -> JournalFile:
    return JournalFile(str(path), key, most_bytes)


def write(path: Path, results: list[bytes] = RESULTS, most_bytes: int = 10_000) -> bytes:
    """What the file holds after these results."""
    journal = open_file(path, most_bytes=most_bytes)
    for number, result in enumerate(results):
        journal.append(number, SHAPE, result)
    journal.close()
    return path.read_bytes()


def read(path: Path, key: str = "a key") -> list[bytes | None]:
    journal = open_file(path, key)
    found = [journal.read(number) for number in range(len(journal.records))]
    journal.close()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.journal"


def test_what_was_recorded_is_read_by_the_next_attempt(path: Path) -> None:
    write(path)
    journal = open_file(path)
    assert [(record.nodes, record.shape) for record in journal.records] == [(n, SHAPE) for n in range(4)]
    journal.close()
    assert read(path) == RESULTS


def test_a_journal_of_another_key_is_begun_anew(path: Path) -> None:
    write(path)
    assert read(path, "another") == []
    assert read(path) == []
    assert path.stat().st_size == JOURNAL_HEADER


@pytest.mark.parametrize("lost", [1, 16, 17, 40, 60])
def test_a_record_that_was_cut_off_is_the_end_and_is_written_again(path: Path, lost: int) -> None:
    whole = write(path)
    path.write_bytes(whole[:-lost])
    kept = read(path)
    assert kept == RESULTS[: len(kept)]
    assert len(kept) < len(RESULTS)
    journal = open_file(path)
    for number in range(len(kept), len(RESULTS)):
        journal.append(number, SHAPE, RESULTS[number])
    journal.close()
    assert path.read_bytes() == whole


@pytest.mark.parametrize("place", range(JOURNAL_HEADER, JOURNAL_HEADER + 4 * 68, 17))
def test_a_flipped_bit_ends_the_journal_before_it(path: Path, place: int) -> None:
    damaged = bytearray(write(path))
    damaged[place] ^= 1
    path.write_bytes(damaged)
    kept = read(path)
    # The number of nodes has no checksum: whoever replays compares it.
    assert kept == RESULTS[: len(kept)]


@pytest.mark.parametrize("content", [b"", b"{", b"\0" * 1000, b"{}\n" * 200])
def test_a_file_that_is_no_journal_is_begun_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert read(path) == []
    write(path)
    assert read(path) == RESULTS


def test_what_does_not_fit_the_bound_is_not_recorded_and_nothing_behind_it(path: Path) -> None:
    write(path, [RESULTS[0], RESULTS[1] * 50, RESULTS[2]], most_bytes=500)
    assert read(path) == [RESULTS[0]]


def test_a_journal_that_is_begun_anew_forgets_its_records(path: Path) -> None:
    write(path)
    journal = open_file(path)
    journal.restart()
    journal.append(9, SHAPE, RESULTS[3])
    journal.close()
    assert read(path) == [RESULTS[3]]


def test_only_its_owner_may_read_it(path: Path) -> None:
    write(path)
    assert path.stat().st_mode & 0o777 == 0o600
