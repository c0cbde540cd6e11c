"""What is made of CivitAI's answers, which leave out much and are odd now and then."""

import json
from typing import Any, cast

import pytest
from pydantic import BaseModel

from sdcpp_restapi.config import Downloads
from sdcpp_restapi.downloads.failures import UpstreamMissing
from sdcpp_restapi.downloads.http_client import HttpClient
from sdcpp_restapi.downloads.sources.civitai import Civitai
from sdcpp_restapi.schemas.downloads import CivitaiModel

FILE: dict[str, Any] = {
    "name": "m.safetensors",
    "sizeKB": 2,
    "primary": True,
    "type": "Model",
    "hashes": {"SHA256": "AB"},
    "downloadUrl": "https://c/dl/m.safetensors",
}
VERSION: dict[str, Any] = {"id": 2, "modelId": 1, "name": "v1", "baseModel": "SD 1.5", "files": [FILE]}
MODEL: dict[str, Any] = {"id": 1, "name": "n", "type": "LORA", "modelVersions": [VERSION]}
DRAFT: dict[str, Any] = {"id": 3, "name": "v2", "files": [], "status": "Draft", "availability": "EarlyAccess"}


class Site:
    """Answers every address with one document."""

    def __init__(self, document: object) -> None:
        self._text = json.dumps(document)

    async def get_json[M: BaseModel](self, _url: str, shape: type[M]) -> M:
        return shape.model_validate_json(self._text)


async def look_up(document: object, model_id: str = "1", filename: str | None = None) -> CivitaiModel:
    return await Civitai(cast(HttpClient, Site(document)), Downloads()).look_up(model_id, filename)


def with_files(*files: object, **version: object) -> dict[str, Any]:
    return {**MODEL, "modelVersions": [{**VERSION, "files": list(files), **version}]}


@pytest.mark.parametrize("field", [*sorted(FILE.keys() - {"name"}), "metadata"])
async def test_null_in_a_file_counts_as_absent(field: str) -> None:
    found = await look_up(with_files({**FILE, field: None}, downloadUrl="https://c/v"))
    assert found.filename == "m.safetensors"
    assert found.download_url == ("https://c/v" if field == "downloadUrl" else FILE["downloadUrl"])
    assert found.sha256 == (None if field == "hashes" else "ab")


@pytest.mark.parametrize("hashes", [{"SHA256": None, "AutoV2": "X"}, {"SHA256": 5}, [], "x"])
async def test_a_hash_that_is_none_is_not_known(hashes: object) -> None:
    assert (await look_up(with_files({**FILE, "hashes": hashes}))).sha256 is None


@pytest.mark.parametrize(
    "field", [*sorted(VERSION.keys() - {"id", "files"}), "downloadUrl", "model", "status"]
)
async def test_null_in_a_version_counts_as_absent(field: str) -> None:
    found = await look_up({**MODEL, "modelVersions": [{**VERSION, field: None}]})
    assert (found.version_id, found.filename) == ("2", "m.safetensors")
    by_version = await look_up({**VERSION, "model": {"name": "n", "type": "LORA"}, field: None}, "1:2")
    assert by_version.filename == "m.safetensors"


@pytest.mark.parametrize("field", ["id", "name", "type", "description"])
async def test_null_in_a_model_counts_as_absent(field: str) -> None:
    assert (await look_up({**MODEL, field: None})).filename == "m.safetensors"


@pytest.mark.parametrize("odd", [None, 5, "x", [], {}, {"id": "five"}, {"id": None}, {**VERSION, "files": 7}])
async def test_an_odd_version_spoils_nothing(odd: object) -> None:
    assert (await look_up({**MODEL, "modelVersions": [odd, VERSION]})).version_id == "2"


@pytest.mark.parametrize("odd", [None, 5, {}, {"name": None}, {"name": 5}, {**FILE, "sizeKB": "large"}])
async def test_an_odd_file_spoils_nothing(odd: object) -> None:
    assert (await look_up(with_files(odd, FILE))).filename == "m.safetensors"


NOTES = {**FILE, "name": "notes.yaml", "type": "Config"}
PICTURES = {**FILE, "name": "pictures.zip", "type": "Training Data"}


@pytest.mark.parametrize("newest", [[], [NOTES], [PICTURES, NOTES]])
async def test_the_newest_version_that_has_a_model_file_is_taken(newest: list[object]) -> None:
    document = {**MODEL, "modelVersions": [DRAFT, {**VERSION, "id": 4, "files": newest}, VERSION]}
    assert (await look_up(document)).version_id == "2"


NO_ADDRESS = {**FILE, "downloadUrl": None}


@pytest.mark.parametrize(
    ("newest", "chosen"),
    [
        ([NO_ADDRESS], ("2", "m.safetensors")),
        ([NO_ADDRESS, NOTES], ("2", "m.safetensors")),
        ([{**FILE, "downloadUrl": ""}], ("2", "m.safetensors")),
        ([NO_ADDRESS, {**FILE, "name": "pruned.gguf", "primary": False}], ("9", "pruned.gguf")),
    ],
)
async def test_a_file_without_an_address_does_not_count(
    newest: list[object], chosen: tuple[str, str]
) -> None:
    document = {**MODEL, "modelVersions": [{**VERSION, "id": 9, "files": newest}, VERSION]}
    found = await look_up(document)
    assert (found.version_id, found.filename) == chosen


async def test_without_any_address_every_version_is_named() -> None:
    with pytest.raises(UpstreamMissing, match=r"neither for version 2 \(v1\)"):
        await look_up(with_files(NO_ADDRESS))
    with pytest.raises(UpstreamMissing, match=r"version 2 \(v1\) has none"):
        await look_up({**VERSION, "files": [NO_ADDRESS]}, "1:2")


async def test_versions_without_files_are_named_with_the_reason() -> None:
    early = {"id": 4, "name": "v3", "availability": "EarlyAccess"}
    with pytest.raises(UpstreamMissing) as caught:
        await look_up({**MODEL, "modelVersions": [early, {**DRAFT, "availability": "Public"}, {"id": 5}]})
    assert str(caught.value) == (
        "CivitAI has no file to download for model 1: neither for version 4 (v3, early access),"
        " version 3 (v2, a draft), version 5 (no name)"
    )
    with pytest.raises(UpstreamMissing, match=r"version 3 \(v2, early access, a draft\) has none"):
        await look_up({**DRAFT, "modelId": 1, "model": {"name": "n", "type": "LORA"}}, "1:3")


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ([{**NOTES, "primary": True}, {**FILE, "primary": False}], "m.safetensors"),
        (
            [{**FILE, "name": "v.pt", "type": "VAE", "primary": None}, {**FILE, "primary": None}],
            "m.safetensors",
        ),
        ([{**FILE, "name": "a.CKPT", "primary": False}, {**PICTURES, "primary": False}], "a.CKPT"),
        ([PICTURES], "pictures.zip"),
    ],
)
async def test_the_main_file_is_a_model(files: list[object], chosen: str) -> None:
    assert (await look_up(with_files(*files))).filename == chosen


async def test_a_version_of_another_model_is_told() -> None:
    with pytest.raises(UpstreamMissing, match="version 2 does not belong to model 5"):
        await look_up({**VERSION, "model": {"name": "n", "type": "LORA"}}, "5:2")
