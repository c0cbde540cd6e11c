"""Backups hold what the database says at one moment, share files, and are whole or not there."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sdcpp_restapi.errors import StorageUnavailable
from sdcpp_restapi.maintenance import backup_folder, file_copy
from sdcpp_restapi.maintenance.backup import BackupOptions, make_backup
from sdcpp_restapi.maintenance.backup_folder import BackupFailed, list_backups
from sdcpp_restapi.maintenance.file_copy import BackupWriter
from tests.support.storage_faults import damage_pages

from .data import BYTES, Data, content, inode

ALL = BackupOptions()


def act_before_copying(monkeypatch: pytest.MonkeyPatch, number: int, act: object) -> None:
    """Call `act` just before the file with this number is copied."""
    add, calls = BackupWriter.add, [0]

    def first_act(writer: BackupWriter, source: Path, name: str) -> None:
        calls[0] += 1
        if calls[0] == number:
            assert callable(act)
            act()
        add(writer, source, name)

    monkeypatch.setattr(BackupWriter, "add", first_act)


def test_a_backup_holds_database_keys_inputs_and_outputs_with_their_sums(data: Data, tmp_path: Path) -> None:
    config = tmp_path / "my.toml"
    config.write_text("[server]\nport = 1\n")
    (data.paths.output_dir / "of-somebody-else").mkdir()
    (data.paths.output_dir / data.jobs[0] / ".thumbs").mkdir()
    (data.paths.output_dir / data.jobs[0] / ".thumbs" / "image_0.jpg").touch()
    done = make_backup(data.paths, tmp_path / "b", BackupOptions(config=config))
    names = {f"outputs/{job_id}/image_0.png" for job_id in data.jobs}
    names |= {"sdcpp.db", "keys.json", "config.toml", f"inputs/{data.jobs[0]}/init_image_base64_0.png"}
    assert set(done.manifest.files) == names
    assert set(content(done.folder)) == names | {"manifest.json"}
    for name, file in done.manifest.files.items():
        assert file.sha256 == file_copy.hash_file(done.folder / name)
        assert file.size == (done.folder / name).stat().st_size
    assert (done.manifest.jobs, done.manifest.missing, done.manifest.deleted_meanwhile) == (4, [], [])
    assert done.folder.stat().st_mode & 0o777 == 0o700
    assert (done.folder / "sdcpp.db").stat().st_mode & 0o777 == 0o600


def test_models_are_named_with_their_hashes_and_not_copied(data: Data, tmp_path: Path) -> None:
    model = data.paths.models_dir / "vae" / "ae.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    status = model.stat()
    digest = "ab" * 32
    data.rows("INSERT INTO model_digests VALUES (?, 7, ?, ?)", str(model), status.st_mtime_ns, digest)
    done = make_backup(data.paths, tmp_path / "b", ALL)
    (named,) = done.manifest.models
    assert (named.type, named.name, named.size, named.sha256) == ("vae", "ae.safetensors", 7, digest)
    assert not [name for name in content(done.folder) if "ae.safetensors" in name]


def test_without_outputs_there_are_none(data: Data, tmp_path: Path) -> None:
    done = make_backup(data.paths, tmp_path / "b", BackupOptions(outputs=False))
    assert not [name for name in done.manifest.files if name.startswith("outputs/")]
    assert not done.manifest.has_outputs


def test_what_is_unchanged_is_linked_to_the_last_backup(data: Data, tmp_path: Path) -> None:
    first, changed = data.output(data.jobs[0]), data.output(data.jobs[1])
    one = make_backup(data.paths, tmp_path / "b", ALL)
    changed.write_bytes(b"y" * BYTES)
    two = make_backup(data.paths, tmp_path / "b", ALL)
    name, other = (f"outputs/{job_id}/image_0.png" for job_id in data.jobs[:2])
    assert inode(one.folder / name) == inode(two.folder / name) != inode(first)
    assert inode(one.folder / other) != inode(two.folder / other)
    assert (two.folder / other).read_bytes() == b"y" * BYTES
    database = two.manifest.files["sdcpp.db"].size
    assert two.new_bytes == database + BYTES


def test_where_files_cannot_be_linked_they_are_copied(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_paths: object) -> None:
        raise OSError("no links here")

    make_backup(data.paths, tmp_path / "b", ALL)
    monkeypatch.setattr(os, "link", refuse)
    two = make_backup(data.paths, tmp_path / "b", ALL)
    assert (two.folder / f"outputs/{data.jobs[0]}/image_0.png").read_bytes() == b"x" * BYTES


def test_a_job_that_is_purged_meanwhile_is_taken_out_and_told(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first one when it is in the backup already, the second one before.
    def purge_two() -> None:
        for job_id in data.jobs[:2]:
            data.purge(job_id)

    act_before_copying(monkeypatch, 3, purge_two)
    done = make_backup(data.paths, tmp_path / "b", ALL)
    assert done.manifest.deleted_meanwhile == data.jobs[:2]
    assert (done.manifest.jobs, done.manifest.missing) == (2, [])
    assert not [name for name in content(done.folder) if data.jobs[0] in name or data.jobs[1] in name]
    with closing(sqlite3.connect(done.folder / "sdcpp.db")) as db:
        places = dict(db.execute("SELECT id, place FROM jobs"))
    assert [places[job_id] for job_id in data.jobs] == ["gone", "gone", "queue", "trash"]


def test_a_job_that_moves_into_the_trash_meanwhile_has_its_files(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data.paths.output_dir / data.jobs[0] / "image_1.png").write_bytes(b"second")
    # Between the two files of the first job, which has an input too.
    act_before_copying(monkeypatch, 2, lambda: data.put_into_trash(data.jobs[0]))
    done = make_backup(data.paths, tmp_path / "b", ALL)
    copied = content(done.folder / "outputs" / data.jobs[0])
    assert copied == {"image_0.png": b"x" * BYTES, "image_1.png": b"second"}
    assert done.manifest.missing == []


def test_outputs_that_are_gone_are_told(data: Data, tmp_path: Path) -> None:
    data.output(data.jobs[1]).unlink()
    done = make_backup(data.paths, tmp_path / "b", ALL)
    assert done.manifest.missing == [f"{data.jobs[1]}/image_0.png"]


def list_entries(folder: Path) -> list[Path]:
    """What is in a folder of backups, without the file that is locked while one is made."""
    return [path for path in folder.iterdir() if path.name != ".lock"]


def test_a_backup_that_is_broken_off_leaves_nothing_and_one_that_is_killed_is_no_backup(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "b"

    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        act_before_copying(patch, 3, interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_backup(data.paths, folder, ALL)
    assert list_entries(folder) == []
    left_by_a_kill = folder / ".sdcpp-20240101T000000Z.tmp"
    (left_by_a_kill / "outputs").mkdir(parents=True)
    assert list_backups(folder) == []
    done = make_backup(data.paths, folder, ALL)
    assert list_entries(folder) == [done.folder]


def test_two_backups_at_once_into_one_folder_are_refused(data: Data, tmp_path: Path) -> None:
    with backup_folder.backups_locked(tmp_path / "b"), pytest.raises(BackupFailed, match="Another backup"):
        make_backup(data.paths, tmp_path / "b", ALL)


def test_only_so_many_backups_are_kept(data: Data, tmp_path: Path) -> None:
    made = [make_backup(data.paths, tmp_path / "b", BackupOptions(keep=2)) for _ in range(4)]
    assert list_backups(tmp_path / "b") == [one.folder for one in made[2:]]
    assert [path for one in made for path in one.removed] == [one.folder for one in made[:2]]


def test_a_damaged_database_is_not_backed_up_and_older_backups_stay(data: Data, tmp_path: Path) -> None:
    make_backup(data.paths, tmp_path / "b", ALL)
    damage_pages(data.database)
    with pytest.raises(StorageUnavailable, match=r"damaged|malformed"):
        make_backup(data.paths, tmp_path / "b", BackupOptions(keep=1))
    assert len(list_entries(tmp_path / "b")) == 1


def test_a_folder_that_the_server_would_show_is_refused(data: Data) -> None:
    with pytest.raises(BackupFailed, match="in the output folder"):
        make_backup(data.paths, data.paths.output_dir / "backups", ALL)


def test_a_database_of_an_earlier_release_is_refused_with_what_to_do(data: Data, tmp_path: Path) -> None:
    data.rows("PRAGMA user_version = 3")
    with pytest.raises(StorageUnavailable, match="start the server once"):
        make_backup(data.paths, tmp_path / "b", ALL)


def test_a_manifest_is_plain_json(data: Data, tmp_path: Path) -> None:
    done = make_backup(data.paths, tmp_path / "b", ALL)
    manifest = json.loads((done.folder / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert manifest["files"][f"outputs/{data.jobs[0]}/image_0.png"]["size"] == BYTES
