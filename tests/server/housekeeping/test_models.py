"""Model files: renamed, described, deleted and brought back, unless something uses them."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support import stub_models
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, NEVER_ENDING, put, serving

LORA = "lora_unet_double_blocks_0_img_attn_qkv"


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    """A scripted engine with its model loaded."""
    with serving(root) as running:
        yield running


def add(server: RunningServer, name: str, *endings: str) -> Path:
    """A LoRA with sidecars, listed."""
    path = put(server.root, f"loras/{name}")
    for ending in endings:
        path.with_name(path.stem + ending).write_text("{}")
    server.post("/models/refresh")
    return path


def listed(server: RunningServer, **query: Any) -> dict[str, Any]:
    """The LoRAs by name, with details."""
    found = server.get("/models", type="lora", details=True, **query)
    return {one["name"]: one for one in found["loras"]}


def change(server: RunningServer, model: str, kind: str = "lora", expect: int = 200, **body: Any) -> Any:
    answer = server.http.patch(f"/models/{kind}/{model}", json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


def delete(server: RunningServer, name: str, kind: str = "lora", expect: int = 200, **query: Any) -> Any:
    answer = server.http.delete(f"/models/{kind}/{name}", params=query)
    assert answer.status_code == expect, answer.text
    return answer.json()


def picture(colour: str = "red", size: tuple[int, int] = (1000, 500)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


# ---------------------------------------------------------------- names


@pytest.mark.proves("model.name", "model.folder", "model.notes", "model.tags")
def test_a_renamed_model_keeps_its_sidecars_hash_and_notes(server: RunningServer) -> None:
    path = add(server, "old.safetensors", ".civitai.info", ".preview.png")
    digest = server.get("/models/hash/lora/old.safetensors")["hash"]
    change(server, "old.safetensors", notes="for cats", tags=["cat", "cat"])
    done = change(server, "old.safetensors", name="new.safetensors", folder="animals/cats")
    assert (done["type"], done["name"]) == ("lora", "animals/cats/new.safetensors")
    assert (done["notes"], done["tags"]) == ("for cats", ["cat"])
    assert done["thumbnail"] == "/models/thumb/lora/animals/cats/new.safetensors"
    assert not path.exists()
    folder = path.parent / "animals/cats"
    assert {one.name for one in folder.iterdir()} == {
        "new.safetensors",
        "new.civitai.info",
        "new.preview.png",
    }
    entry = listed(server)["animals/cats/new.safetensors"]
    assert (entry["hash"], entry["notes"], entry["tags"]) == (digest, "for cats", ["cat"])


@pytest.mark.proves("model.type", "model.folder")
def test_a_model_moves_to_the_folder_of_another_type(server: RunningServer) -> None:
    add(server, "vae.safetensors")
    assert change(server, "vae.safetensors", type="vae")["type"] == "vae"
    names = [one["name"] for one in server.get("/models", type="vae")["vae"]]
    assert names == ["vae.safetensors"]
    change(server, "vae.safetensors", kind="vae", folder="x")
    change(server, "x/vae.safetensors", kind="vae", folder="")
    assert not (server.models_dir / "vae/x").exists()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"name": "other.ckpt"}, "the extension stays .safetensors"),
        ({"name": "../up.safetensors"}, "it leads out of the folder"),
        ({"name": "/abs.safetensors"}, "it must be relative"),
        ({"name": "no_extension"}, "is not the name of a model"),
        ({"name": ".hidden.safetensors"}, "hidden files are not listed"),
        ({"name": ""}, "name is required"),
        ({"folder": "../.."}, "it leads out of the folder"),
        ({"name": "a/b.safetensors", "folder": "c"}, "name and folder both name a folder"),
        ({"name": "taken.safetensors"}, "taken.safetensors exists already"),
        ({"type": "cat"}, "type: 'cat' is not allowed"),
        ({"tags": [""]}, "tags.0"),
        ({"tags": ["x"] * 100}, "tags"),
        ({"notes": "x" * 30_000}, "notes"),
        ({"picture": "nothing/image_0.png"}, "there is no output"),
    ],
)
def test_a_change_that_cannot_be_made_changes_nothing(
    server: RunningServer, body: dict[str, Any], sentence: str
) -> None:
    add(server, "taken.safetensors")
    path = add(server, "stays.safetensors")
    error = change(server, "stays.safetensors", expect=400, **body)["error"]
    assert sentence in error or (body == {"name": ""} and "name" in error), error
    assert path.exists()


def test_a_model_that_is_not_there_is_told(server: RunningServer) -> None:
    for name in ("nothing.safetensors", "..%2F..%2Fdata%2Fsdcpp.db", "%2Fetc%2Fpasswd"):
        assert change(server, name, expect=404, notes="x")["code"] == "not_found"
        assert delete(server, name, expect=404)["code"] == "not_found"


def test_a_field_that_nobody_knows_is_told(server: RunningServer) -> None:
    add(server, "unknown.safetensors")
    done = change(server, "unknown.safetensors", colour="red")
    assert done["warnings"] == ["unknown field 'colour' was ignored"]


# ---------------------------------------------------------------- notes, tags, pictures


def test_notes_and_tags_are_found_by_a_search(server: RunningServer) -> None:
    add(server, "plain.safetensors")
    change(server, "plain.safetensors", notes="Best for WHISKERS", tags=["Animal"])
    assert list(listed(server, search="whiskers")) == ["plain.safetensors"]
    assert list(listed(server, tag="animal")) == ["plain.safetensors"]
    found = server.get("/models", tag="animal")
    assert [one["name"] for one in found["loras"]] == ["plain.safetensors"]
    assert found["applied_filters"] == {"tag": "animal"}
    change(server, "plain.safetensors", notes="", tags=[])
    assert listed(server, tag="animal") == {}


def test_notes_outlive_a_restart(server: RunningServer) -> None:
    add(server, "kept.safetensors")
    change(server, "kept.safetensors", notes="kept", tags=["a", "b"])
    server.restart()
    entry = listed(server)["kept.safetensors"]
    assert (entry["notes"], entry["tags"]) == ("kept", ["a", "b"])


@pytest.mark.proves("model.picture", "model_picture.image_base64")
def test_a_picture_is_put_beside_a_model_made_small_and_taken_away(server: RunningServer) -> None:
    path = add(server, "shown.safetensors")
    body = {"image_base64": base64.b64encode(picture()).decode()}
    answer = server.http.put("/models/lora/shown.safetensors/picture", json=body)
    assert answer.json()["thumbnail"] == "/models/thumb/lora/shown.safetensors"
    with Image.open(path.with_name("shown.preview.png")) as image:
        assert (image.format, image.size) == ("PNG", (768, 384))
    assert server.http.get("/models/thumb/lora/shown.safetensors").status_code == 200
    assert change(server, "shown.safetensors", picture="")["thumbnail"] is None
    assert not path.with_name("shown.preview.png").exists()


@pytest.mark.proves("model.picture", "model_picture.output")
def test_an_output_of_a_job_becomes_the_picture(server: RunningServer) -> None:
    path = add(server, "job.safetensors")
    folder = server.output_dir / "some-job"
    folder.mkdir(parents=True)
    (folder / "image_0.png").write_bytes(picture())
    answer = server.http.put("/models/lora/job.safetensors/picture", json={"output": "some-job/image_0.png"})
    assert answer.status_code == 200
    assert path.with_name("job.preview.png").exists()
    assert change(server, "job.safetensors", picture="some-job/image_0.png")["thumbnail"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "One of image_base64 and output is required"),
        ({"image_base64": "x", "output": "y"}, "One of image_base64 and output"),
        ({"image_base64": "***"}, "this is not base64"),
        ({"image_base64": base64.b64encode(b"text").decode()}, "not a readable image"),
        ({"output": "../data/sdcpp.db"}, "there is no output"),
        ({"output": "nothing/image_0.png"}, "there is no output"),
        ({"output": "."}, "is a folder"),
    ],
)
def test_what_is_no_picture_is_refused(server: RunningServer, body: dict[str, str], sentence: str) -> None:
    add(server, "unshown.safetensors")
    answer = server.http.put("/models/lora/unshown.safetensors/picture", json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


# ---------------------------------------------------------------- deleting


@pytest.mark.proves("model_restore.ids")
def test_a_deleted_model_is_in_the_trash_and_comes_back_whole(server: RunningServer) -> None:
    path = add(server, "sub/gone.safetensors", ".json")
    digest = server.get("/models/hash/lora/sub/gone.safetensors")["hash"]
    change(server, "sub/gone.safetensors", notes="mine")
    done = delete(server, "sub/gone.safetensors")
    assert sorted(done["files"]) == ["gone.json", "gone.safetensors"]
    assert not path.parent.exists()
    assert "sub/gone.safetensors" not in listed(server)
    trash = server.get("/models/trash")
    (record,) = [one for one in trash["models"] if one["id"] == done["trash_id"]]
    assert (record["name"], record["hash"], trash["days"]) == ("sub/gone.safetensors", digest, 30.0)
    ids = {"ids": [done["trash_id"], "unknown"]}
    answer = server.post("/models/trash/restore", ids)
    assert answer["restored"] == [{"type": "lora", "name": "sub/gone.safetensors"}]
    assert answer["not_found"] == ["unknown"]
    entry = listed(server)["sub/gone.safetensors"]
    assert (entry["hash"], entry["notes"]) == (digest, "mine")
    assert path.with_name("gone.json").exists()


@pytest.mark.proves("model_trash.ids")
def test_a_model_whose_name_is_taken_stays_in_the_trash(server: RunningServer) -> None:
    path = add(server, "twice.safetensors")
    ids = {"ids": [delete(server, "twice.safetensors")["trash_id"]]}
    add(server, "twice.safetensors")
    answer = server.post("/models/trash/restore", ids)
    assert answer["restored"] == []
    assert "twice.safetensors stays in the trash" in answer["warnings"][0]
    purged = server.http.request("DELETE", "/models/trash", json=ids).json()
    assert purged["purged"] == [{"type": "lora", "name": "twice.safetensors"}]
    assert path.exists()


def test_a_purged_model_is_gone_for_good(server: RunningServer) -> None:
    add(server, "purged.safetensors")
    assert delete(server, "purged.safetensors", purge=True)["trash_id"] is None
    assert all(one["name"] != "purged.safetensors" for one in server.get("/models/trash")["models"])


def test_a_loaded_model_is_neither_deleted_nor_renamed(server: RunningServer) -> None:
    for refused in (
        delete(server, MODEL, "checkpoint", 409),
        change(server, MODEL, "checkpoint", 409, name="other.safetensors"),
    ):
        assert refused["code"] == "model_in_use"
        assert "the loaded model" in refused["error"]
    change(server, MODEL, "checkpoint", notes="only notes")
    assert server.get("/health")["model_name"] == MODEL


@pytest.mark.proves("model.force")
def test_a_model_that_a_job_needs_is_neither_deleted_nor_renamed_without_force(
    server: RunningServer, root: Path
) -> None:
    path = server.models_dir / "loras/used.safetensors"
    stub_models.write(path, stub_models.lora(LORA))
    server.post("/models/refresh")
    running = server.submit(**NEVER_ENDING)
    waiting = server.submit(prompt="a cat <lora:used:1>", width=64, height=64)
    for refused in (
        delete(server, "used.safetensors", expect=409),
        change(server, "used.safetensors", expect=409, name="renamed.safetensors"),
    ):
        assert f"job {waiting} (pending)" in refused["error"]
    assert path.exists()
    renamed = change(server, "used.safetensors", name="renamed.safetensors", force=True)
    assert f"job {waiting} (pending)" in renamed["warnings"][0]
    change(server, "renamed.safetensors", name="used.safetensors")
    done = delete(server, "used.safetensors", force=True)
    assert f"job {waiting} (pending)" in done["warnings"][0]
    for job in (waiting, running):
        server.http.delete(f"/queue/{job}")
        server.wait_for_job(job)
    server.post("/models/trash/restore", {"ids": [done["trash_id"]]})
    delete(server, "used.safetensors")


# ---------------------------------------------------------------- duplicates


def test_files_with_the_same_content_are_told_once_their_hashes_are_known(server: RunningServer) -> None:
    one = put(server.root, "embeddings/one.safetensors", 5000)
    put(server.root, "embeddings/two.safetensors", 5000).write_bytes(one.read_bytes())
    (server.models_dir / "embeddings/link.safetensors").symlink_to(one)
    server.post("/models/refresh")
    found = server.get("/models/duplicates")
    assert {"type": "embedding", "name": "one.safetensors"} in found["unhashed"]
    for name in ("one", "two", "link"):
        server.get(f"/models/hash/embedding/{name}.safetensors")
    size = one.stat().st_size
    (group,) = [one for one in server.get("/models/duplicates")["groups"] if one["size_bytes"] == size]
    assert [file["name"] for file in group["files"]] == [
        "link.safetensors",
        "one.safetensors",
        "two.safetensors",
    ]
    assert group["wasted_bytes"] == size
