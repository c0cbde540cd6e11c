"""Models in the trash, and models that move with their sidecars."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sdcpp_restapi.models.file_moves import move_model
from sdcpp_restapi.models.folder_scan import scan_folder
from sdcpp_restapi.models.model_trash import RECORD, ModelTrash
from sdcpp_restapi.schemas.model_housekeeping import UserNotes

NOTES = UserNotes(notes="for cats", tags=["cat"])


def put(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def trash(tmp_path: Path) -> ModelTrash:
    return ModelTrash({"lora": tmp_path / "loras"}, days=30)


def test_a_model_goes_with_its_sidecars_and_comes_back(trash: ModelTrash, tmp_path: Path) -> None:
    folder = tmp_path / "loras"
    model = put(folder / "sub/my.lora.safetensors")
    for ending in (".preview.png", ".civitai.info", ".json", ".PNG", ".txt"):
        put(folder / f"sub/my.lora{ending}")
    put(folder / "sub/my.safetensors")
    before = names(folder)
    record = trash.put("lora", "sub/my.lora.safetensors", model, "ab" * 32, NOTES)
    assert names(folder / "sub") == {"my.safetensors"}
    assert [file.name for file in scan_folder(folder).files] == ["sub/my.safetensors"]
    assert trash.list_models() == [record]
    assert (record.size_bytes, record.hash, record.notes) == (6, "ab" * 32, NOTES)
    assert trash.restore(record) == model
    assert names(folder) == before
    assert trash.list_models() == []


def test_folders_that_are_empty_then_are_deleted_and_made_again(trash: ModelTrash, tmp_path: Path) -> None:
    model = put(tmp_path / "loras/a/b/m.gguf")
    record = trash.put("lora", "a/b/m.gguf", model, None, UserNotes())
    assert not (tmp_path / "loras/a").exists()
    trash.restore(record)
    assert model.exists()


def test_a_sidecar_of_two_models_stays_with_the_other_one(trash: ModelTrash, tmp_path: Path) -> None:
    folder = tmp_path / "loras"
    put(folder / "m.gguf")
    model, picture = put(folder / "m.safetensors"), put(folder / "m.png")
    record = trash.put("lora", "m.safetensors", model, None, UserNotes())
    assert picture.exists()
    assert record.files == ["m.safetensors"]
    assert trash.restore(record).exists()


def test_what_was_there_long_enough_is_purged(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    trash = ModelTrash({"lora": tmp_path}, days=30, now=lambda: moment)
    old = trash.put("lora", "old.gguf", put(tmp_path / "old.gguf"), None, UserNotes())
    moment += timedelta(days=20)
    young = trash.put("lora", "young.gguf", put(tmp_path / "young.gguf"), None, UserNotes())
    moment += timedelta(days=11)
    assert trash.purge_old() == [old]
    assert trash.list_models() == [young]


def test_a_record_that_leads_out_of_the_folder_is_no_record(trash: ModelTrash, tmp_path: Path) -> None:
    record = trash.put("lora", "m.gguf", put(tmp_path / "loras/m.gguf"), None, UserNotes())
    path = tmp_path / "loras/.trash" / record.id / RECORD
    for name in ("../../evil.gguf", "/etc/evil.gguf"):
        path.write_text(record.model_copy(update={"name": name}).model_dump_json())
        assert trash.list_models() == []


def test_a_move_never_replaces_and_then_moves_nothing(tmp_path: Path) -> None:
    model = put(tmp_path / "a.gguf")
    put(tmp_path / "a.png")
    taken = put(tmp_path / "b.png", "mine")
    with pytest.raises(FileExistsError):
        move_model(model, tmp_path / "b.gguf")
    assert names(tmp_path) == {"a.gguf", "a.png", "b.png"}
    assert taken.read_text() == "mine"


def test_a_link_still_leads_to_its_file_from_another_folder(tmp_path: Path) -> None:
    put(tmp_path / "store/blob", "weights")
    link = tmp_path / "a/m.gguf"
    link.parent.mkdir()
    link.symlink_to("../store/blob")
    move_model(link, tmp_path / "c/d/m.gguf")
    assert (tmp_path / "c/d/m.gguf").is_symlink()
    assert (tmp_path / "c/d/m.gguf").read_text() == "weights"
    assert not os.path.lexists(link)
