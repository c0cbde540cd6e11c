"""What is wrong with a database and its files is found, and repaired without deleting a picture."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from sdcpp_restapi.errors import StorageUnavailable
from sdcpp_restapi.lock import DataDirectoryLock
from sdcpp_restapi.maintenance.check import CheckRefused, CheckResult, check_data
from sdcpp_restapi.maintenance.checks.kept_sums import KEPT
from tests.support.storage_faults import damage_pages

from .data import Data, content

STRAY = str(uuid4())


def names(result: CheckResult) -> list[str]:
    return [problem.name for problem in result.problems]


def damage_an_index(data: Data) -> None:
    with closing(sqlite3.connect(data.database, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE INDEX jobs_by_after ON jobs (after)'"
                   " WHERE name = 'jobs_by_after'")  # fmt: skip


def refer_to_nothing(data: Data) -> None:
    data.rows("UPDATE jobs SET after = 'nobody' WHERE id = ?", data.jobs[0])


def miscount(data: Data) -> None:
    data.rows("UPDATE job_counts SET count = 99")


def miscount_days(data: Data) -> None:
    data.rows("UPDATE job_days SET last_seq = 1")


def forget_a_text(data: Data) -> None:
    data.rows("DELETE FROM job_texts WHERE rowid = 2")


def change_a_text(data: Data) -> None:
    data.rows("UPDATE job_texts SET text = 'something else' WHERE rowid = 2")


def damage_the_search_index(data: Data) -> None:
    data.rows("UPDATE job_texts_content SET c0 = 'not what was indexed' WHERE id = 2")


def misplace(data: Data) -> None:
    (data.paths.output_dir / data.jobs[0]).rename(data.paths.output_dir / ".trash" / data.jobs[0])


def misplace_in_trash(data: Data) -> None:
    (data.paths.output_dir / ".trash" / data.jobs[3]).rename(data.paths.output_dir / data.jobs[3])


def leave_a_folder(data: Data) -> None:
    (data.paths.output_dir / STRAY).mkdir()
    (data.paths.output_dir / STRAY / "image_0.png").write_bytes(b"picture")


def leave_a_folder_in_trash(data: Data) -> None:
    (data.paths.output_dir / ".trash" / STRAY).mkdir()


def leave_an_attempt(data: Data) -> None:
    (data.paths.output_dir / f".{STRAY}.1.tmp").mkdir()
    (data.paths.output_dir / f".{STRAY}.1.tmp" / "image_0.png").write_bytes(b"half")


def leave_inputs(data: Data) -> None:
    (data.paths.data_dir / "inputs" / STRAY).mkdir()


def mismeasure(data: Data) -> None:
    data.rows("UPDATE jobs SET output_bytes = 5, input_bytes = 0 WHERE id = ?", data.jobs[0])


def leave_a_thumbnail(data: Data) -> None:
    thumbs = data.paths.output_dir / data.jobs[0] / ".thumbs"
    thumbs.mkdir()
    (thumbs / "image_0.jpg").touch()
    (thumbs / "image_7.jpg").touch()


def leave_a_half_written_file(data: Data) -> None:
    (data.paths.data_dir / "keys.new").write_text("{")


def spoil_a_hash(data: Data) -> None:
    data.rows("INSERT INTO model_digests VALUES ('/models/a.gguf', 1, 2, 'no hash')")


REPAIRABLE: list[tuple[Callable[[Data], None], str]] = [
    (refer_to_nothing, "reference"),
    (miscount, "sum"),
    (miscount_days, "sum"),
    (forget_a_text, "search index"),
    (change_a_text, "search index"),
    (misplace, "misplaced outputs"),
    (misplace_in_trash, "misplaced outputs"),
    (leave_a_folder, "ownerless outputs"),
    (leave_a_folder_in_trash, "ownerless outputs"),
    (leave_an_attempt, "unfinished folder"),
    (leave_inputs, "ownerless inputs"),
    (mismeasure, "sizes"),
    (leave_a_thumbnail, "thumbnails"),
    (leave_a_half_written_file, "unfinished file"),
    (spoil_a_hash, "hash"),
]


def test_nothing_is_wrong_with_what_a_server_left(data: Data) -> None:
    (data.paths.output_dir / "of-somebody-else").mkdir()
    result = check_data(data.paths, repair=True)
    assert (result.problems, result.running, result.is_well) == ([], False, True)


@pytest.mark.parametrize(("spoil", "name"), REPAIRABLE, ids=[spoil.__name__ for spoil, _ in REPAIRABLE])
def test_it_is_found_and_repaired(data: Data, spoil: Callable[[Data], None], name: str) -> None:
    spoil(data)
    found = check_data(data.paths)
    assert names(found) == [name]
    assert not found.is_well
    assert names(check_data(data.paths)) == [name], "a check alone changes nothing"
    repaired = check_data(data.paths, repair=True)
    assert repaired.is_well
    assert repaired.repaired == repaired.problems == found.problems
    assert check_data(data.paths).problems == []


def test_a_search_index_whose_inside_is_damaged_is_made_anew(data: Data) -> None:
    damage_the_search_index(data)
    assert set(names(check_data(data.paths))) == {"search index"}
    check_data(data.paths, repair=True)
    check_data(data.paths, repair=True)
    assert check_data(data.paths).problems == []


def test_an_index_that_does_not_fit_its_rows_is_made_anew(data: Data) -> None:
    damage_an_index(data)
    assert names(check_data(data.paths)) == ["database"]
    assert check_data(data.paths, repair=True).is_well
    assert check_data(data.paths).problems == []


def test_damaged_pages_are_told_with_the_way_out(data: Data) -> None:
    damage_pages(data.database)
    result = check_data(data.paths, repair=True)
    (problem,) = result.problems
    assert "sdcpp restore" in problem.remedy
    assert not result.is_well


def test_outputs_that_are_missing_or_empty_are_told(data: Data) -> None:
    data.output(data.jobs[0]).unlink()
    data.output(data.jobs[1]).write_bytes(b"")
    result = check_data(data.paths, repair=True)
    assert sorted(names(result)) == ["empty outputs", "missing outputs"]
    assert not result.is_well


def test_a_waiting_job_whose_input_is_missing_is_told(data: Data) -> None:
    with closing(sqlite3.connect(data.database)) as db, db:
        db.execute(
            "INSERT INTO jobs (id, lane, type, created_at, params, progress)"
            " VALUES (?, 'engine', 'img2img', '2024-01-01T00:00:00.000+00:00', ?, '{}')",
            (STRAY, f'{{"init_image_base64": "input:{STRAY}/init_image_base64"}}'),
        )
    assert names(check_data(data.paths)) == ["missing inputs"]


def test_half_a_download_of_nobody_and_a_hash_of_an_earlier_file_are_notes(data: Data) -> None:
    model = data.paths.models_dir / "vae" / "ae.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    model.with_name("other.safetensors.part").write_bytes(b"wei")
    data.rows("INSERT INTO model_digests VALUES (?, 1, 2, ?)", str(model), "0" * 64)
    result = check_data(data.paths)
    assert sorted(names(result)) == ["half a download", "hash"]
    assert result.is_well


def test_pictures_of_nobody_are_moved_and_keep_their_content(data: Data) -> None:
    leave_a_folder(data)
    leave_an_attempt(data)
    leave_a_folder_in_trash(data)
    (data.paths.output_dir / ".trash" / STRAY / "image_0.png").write_bytes(b"deleted")
    check_data(data.paths, repair=True)
    assert content(data.paths.output_dir / ".lost+found") == {
        f"{STRAY}/image_0.png": b"picture",
        f"{STRAY}.2/image_0.png": b"deleted",
        f"{STRAY}.1.tmp/image_0.png": b"half",
    }


def test_beside_a_running_server_nothing_is_changed_and_what_it_will_finish_is_no_problem(
    data: Data,
) -> None:
    lock = DataDirectoryLock.take(data.paths.data_dir, 8080)
    try:
        leave_an_attempt(data)
        leave_a_half_written_file(data)
        assert check_data(data.paths).problems == []
        leave_a_folder(data)
        miscount(data)
        before = content(data.paths.output_dir)
        result = check_data(data.paths)
        assert (names(result), result.running) == (["sum", "ownerless outputs"], True)
        with pytest.raises(CheckRefused, match="stop it"):
            check_data(data.paths, repair=True)
        assert content(data.paths.output_dir) == before
    finally:
        lock.release()


def test_without_a_database_there_is_nothing_to_check(tmp_path: Path, data: Data) -> None:
    data.database.unlink()
    with pytest.raises(StorageUnavailable, match="There is no database"):
        check_data(data.paths)


def test_every_table_that_a_trigger_writes_is_compared(data: Data) -> None:
    triggers = data.rows("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'jobs'")
    written = {
        table
        for (sql,) in triggers
        for table in re.findall(r"(?:INSERT (?:OR \w+ )?INTO|UPDATE|DELETE FROM) (\w+)\b(?! OF)", sql)
    }
    # Messages are no sum: they are what happened.
    assert written - {"OF", "SET", "jobs", "webhook_messages"} == set(KEPT)
