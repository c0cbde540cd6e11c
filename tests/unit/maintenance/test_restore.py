"""A backup that is whole becomes a server's data elsewhere; whatever is there already is kept."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sdcpp_restapi.config import Paths
from sdcpp_restapi.errors import DataDirectoryBusy
from sdcpp_restapi.lock import DataDirectoryLock
from sdcpp_restapi.maintenance import restore as module
from sdcpp_restapi.maintenance.backup import BackupOptions, make_backup
from sdcpp_restapi.maintenance.backup_folder import BackupDamaged
from sdcpp_restapi.maintenance.restore import RestoreRefused, restore_backup, verify_backup
from sdcpp_restapi.migration import DatabaseTooNew, newest_version

from .data import BYTES, Data, content


@pytest.fixture
def elsewhere(tmp_path: Path) -> Paths:
    """Folders of another machine, which do not exist yet."""
    return Paths(output_dir=tmp_path / "there" / "pictures", data_dir=tmp_path / "there" / "state")


@pytest.fixture
def backup(data: Data, tmp_path: Path) -> Path:
    return make_backup(data.paths, tmp_path / "b", BackupOptions()).folder


def test_everything_is_where_a_server_looks_for_it(data: Data, backup: Path, elsewhere: Paths) -> None:
    done = restore_backup(backup.parent, elsewhere)
    assert (done.backup, done.kept_aside, done.config) == (backup, [], None)
    assert content(elsewhere.output_dir) == {
        **{f"{job_id}/image_0.png": b"x" * BYTES for job_id in data.jobs[:3]},
        f".trash/{data.jobs[3]}/image_0.png": b"x" * BYTES,
    }
    restored = content(elsewhere.data_dir)
    assert set(restored) == {"sdcpp.db", "keys.json", f"inputs/{data.jobs[0]}/init_image_base64_0.png"}
    with closing(sqlite3.connect(elsewhere.data_dir / "sdcpp.db")) as db:
        assert db.execute("SELECT * FROM jobs").fetchall() == data.rows("SELECT * FROM jobs")
    assert (elsewhere.output_dir / data.jobs[0] / "image_0.png").stat().st_mtime_ns == data.output(
        data.jobs[0]
    ).stat().st_mtime_ns


def test_no_unclean_stop_is_counted_for_what_ran_during_the_backup(data: Data, elsewhere: Paths) -> None:
    data.rows(
        "INSERT INTO jobs (id, lane, type, status, created_at, params, progress, unclean)"
        " SELECT 'running', lane, type, 'processing', created_at, params, progress, 1 FROM jobs LIMIT 1"
    )
    made = make_backup(data.paths, data.paths.data_dir.parent / "running", BackupOptions())
    restore_backup(made.folder, elsewhere)
    with closing(sqlite3.connect(elsewhere.data_dir / "sdcpp.db")) as db:
        # The start counts one for what it finds running.
        assert db.execute("SELECT unclean FROM jobs WHERE status = 'processing'").fetchall() == [(0,)]


def test_a_backup_is_not_changed_by_what_is_done_to_the_restored_data(backup: Path, elsewhere: Paths) -> None:
    restore_backup(backup, elsewhere)
    with closing(sqlite3.connect(elsewhere.data_dir / "sdcpp.db")) as db, db:
        db.execute("DELETE FROM jobs")
    verify_backup(backup)


def test_data_that_is_there_is_refused_and_with_force_kept_aside(data: Data, backup: Path) -> None:
    foreign = data.paths.output_dir / "of-somebody-else"
    foreign.mkdir()
    outputs, state = content(data.paths.output_dir), content(data.paths.data_dir)
    with pytest.raises(RestoreRefused, match="--force"):
        restore_backup(backup, data.paths)
    assert (content(data.paths.output_dir), content(data.paths.data_dir)) == (outputs, state)
    data.purge(data.jobs[1])
    outputs = content(data.paths.output_dir)
    done = restore_backup(backup, data.paths, force=True)
    in_data, in_outputs = done.kept_aside
    assert content(in_outputs) == outputs
    assert json.loads((in_data / "keys.json").read_text()) == {}
    assert data.output(data.jobs[1]).exists()
    assert foreign.is_dir()
    assert data.rows("SELECT place FROM jobs WHERE id = ?", data.jobs[1]) == [("queue",)]


def test_outputs_stay_where_the_backup_has_none(data: Data, tmp_path: Path) -> None:
    backup = make_backup(data.paths, tmp_path / "b", BackupOptions(outputs=False)).folder
    outputs = content(data.paths.output_dir)
    restore_backup(backup, data.paths, force=True)
    assert content(data.paths.output_dir) == outputs


def test_a_running_server_is_refused(data: Data, backup: Path) -> None:
    lock = DataDirectoryLock.take(data.paths.data_dir, 8080)
    try:
        with pytest.raises(DataDirectoryBusy, match="port 8080"):
            restore_backup(backup, data.paths, force=True)
    finally:
        lock.release()


@pytest.mark.parametrize("name", ["sdcpp.db", "outputs", "manifest.json"])
def test_a_damaged_backup_is_refused_before_anything_is_changed(
    backup: Path, elsewhere: Paths, name: str
) -> None:
    damaged = next((backup / name).rglob("*.png")) if name == "outputs" else backup / name
    text = damaged.read_bytes()
    damaged.write_bytes(text[:-1] + bytes([text[-1] ^ 1]))
    with pytest.raises(BackupDamaged, match=damaged.name):
        restore_backup(backup, elsewhere)
    assert not elsewhere.data_dir.exists()


def test_a_backup_of_which_a_file_is_gone_is_refused(data: Data, backup: Path, elsewhere: Paths) -> None:
    (backup / "outputs" / data.jobs[2] / "image_0.png").unlink()
    with pytest.raises(BackupDamaged, match=data.jobs[2]):
        restore_backup(backup, elsewhere)


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "outputs/../../outside"])
def test_a_manifest_that_leads_out_of_the_backup_is_refused(
    backup: Path, elsewhere: Paths, name: str
) -> None:
    path = backup / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = manifest["files"]["sdcpp.db"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(BackupDamaged, match="leads out of the backup"):
        restore_backup(backup, elsewhere)


def test_a_folder_without_a_backup_is_refused(tmp_path: Path, elsewhere: Paths) -> None:
    with pytest.raises(BackupDamaged, match="is no backup and has none in it"):
        restore_backup(tmp_path, elsewhere)


def test_a_backup_of_a_later_release_is_refused(backup: Path, elsewhere: Paths) -> None:
    path = backup / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["database_version"] = newest_version() + 1
    path.write_text(json.dumps(manifest))
    with pytest.raises(DatabaseTooNew):
        restore_backup(backup, elsewhere)


def test_a_disk_without_room_is_told_before_anything_is_changed(
    data: Data, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = content(data.paths.data_dir)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 10}))
    with pytest.raises(RestoreRefused, match="needs room for"):
        restore_backup(backup, data.paths, force=True)
    assert content(data.paths.data_dir) == state


def test_a_restore_that_is_broken_off_while_it_copies_leaves_what_was_there(
    data: Data, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, outputs = content(data.paths.data_dir), content(data.paths.output_dir)

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(module, "copy_file", fail)
    with pytest.raises(RestoreRefused, match="somewhere: No space left on device"):
        restore_backup(backup, data.paths, force=True)
    assert (content(data.paths.data_dir), content(data.paths.output_dir)) == (state, outputs)
