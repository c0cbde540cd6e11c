"""What is deleted without being asked for, and what is not."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from tests.server.housekeeping.stock import folders, places, rows, start, stock

LONG_AGO = "2001-01-01T00:00:00.000+00:00"
# In a lane that nobody serves it waits for ever.
PENDING = """
    INSERT INTO jobs (id, type, lane, status, params, progress, created_at, after)
    SELECT ?, type, 'none', 'pending', params, progress, ?, ? FROM jobs WHERE id = ?
"""


def age(root: Path, *ids: str, column: str = "completed_at") -> None:
    for job_id in ids:
        rows(root, f"UPDATE jobs SET {column} = ? WHERE id = ?", LONG_AGO, job_id)  # noqa: S608


def throw_away(root: Path, *ids: str) -> None:
    """In the database only: a start moves the files."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    for job_id in ids:
        rows(root, "UPDATE jobs SET place = 'trash', deleted_at = ? WHERE id = ?", now, job_id)


def test_by_default_only_what_was_long_in_the_trash_goes(tmp_path: Path) -> None:
    long_deleted, deleted, old = stock(tmp_path, 3, size=1_000_000)
    throw_away(tmp_path, long_deleted, deleted)
    age(tmp_path, long_deleted, column="deleted_at")
    age(tmp_path, long_deleted, deleted, old)
    with start(tmp_path) as server:
        server.wait_for_log("retention: 1 jobs deleted for good after 30 days in the trash")
        assert places(tmp_path) == {deleted: "trash", old: "queue"}
        assert folders(server.output_dir / ".trash") == {deleted}
        assert folders(server.output_dir) == {old}


def test_by_age_finished_jobs_go_into_the_trash_and_nothing_else(tmp_path: Path) -> None:
    old, young, waited_for = stock(tmp_path, 3)
    waiting, follower = str(uuid4()), str(uuid4())
    for job_id, after in ((waiting, None), (follower, waited_for)):
        rows(tmp_path, PENDING, job_id, LONG_AGO, after, young)
    age(tmp_path, old, waited_for)
    (tmp_path / "output" / "holiday").mkdir()
    with start(tmp_path, retention_max_age_days="7") as server:
        server.wait_for_log("retention: 1 jobs put into the trash, 7 days after their end")
        assert places(tmp_path) == {
            old: "trash", **dict.fromkeys((young, waiting, follower, waited_for), "queue"),
        }  # fmt: skip
        assert folders(server.output_dir) == {young, waited_for, "holiday"}


def test_by_size_the_trash_goes_first_and_then_the_oldest_jobs(tmp_path: Path) -> None:
    ids = stock(tmp_path, 10, size=1_000_000)
    throw_away(tmp_path, *ids[8:])
    holiday = tmp_path / "output" / "holiday" / "large.png"
    holiday.parent.mkdir()
    holiday.write_bytes(b"x" * 9_000_000)
    with start(tmp_path, retention_max_gigabytes="0.005") as server:
        server.wait_for_log("retention: 3 jobs deleted for good, from the queue")
        server.wait_for_log("retention: 2 jobs deleted for good, from the trash")
        assert places(tmp_path) == dict.fromkeys(ids[3:8], "queue")
        assert folders(server.output_dir) == {*ids[3:8], "holiday"}
        assert holiday.exists()
