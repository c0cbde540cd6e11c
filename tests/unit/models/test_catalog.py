import asyncio
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.models.filters import ModelFilters
from sdcpp_restapi.models.folder_scan import FolderScan, scan_folder

Put = Callable[..., Path]

ALL = ModelFilters()


def settle(folder: Path) -> None:
    """Make every folder look as if it had not been touched for a minute."""
    past = time.time() - 60
    for root, _, _ in os.walk(folder):
        os.utime(root, (past, past))


async def names(catalog: Catalog, **filters: str) -> list[str]:
    return [entry.name for entry in await catalog.list_entries(**filters)]


async def test_missing_folders_are_empty_and_are_not_created(catalog: Catalog, tmp_path: Path) -> None:
    listing = await catalog.list_models(ALL, None)
    assert listing.checkpoints == listing.photomaker == []
    assert listing.problems is None
    assert os.listdir(tmp_path) == []


async def test_the_documented_listing(catalog: Catalog, put: Put) -> None:
    put("checkpoint/SD1x/realisticStockPhoto_v30SD15.safetensors", 20)
    put("diffusion/flux1-dev-Q4_K_S.gguf", 30)
    put("vae/vae-ft-mse-840000-ema-pruned.safetensors")
    listing = await catalog.list_models(ALL, None)
    assert listing.checkpoints[0].model_dump() == {
        "name": "SD1x/realisticStockPhoto_v30SD15.safetensors",
        "type": "checkpoint",
        "file_extension": ".safetensors",
        "size_bytes": 20,
        "hash": None,
        "is_loaded": False,
    }
    assert listing.diffusion_models[0].is_loaded is False
    assert listing.vae[0].is_loaded is None
    assert (listing.loaded_model, listing.loaded_model_type, listing.applied_filters) == (None, None, None)


async def test_every_type_has_its_list(catalog: Catalog, put: Put) -> None:
    lists = {
        "checkpoint": "checkpoints",
        "diffusion": "diffusion_models",
        "vae": "vae",
        "lora": "loras",
        "clip": "clip",
        "t5": "t5",
        "embedding": "embeddings",
        "controlnet": "controlnets",
        "llm": "llm",
        "esrgan": "esrgan",
        "taesd": "taesd",
        "photomaker": "photomaker",
        "adapter": "adapters",
        "detector": "detectors",
    }
    for kind in lists:
        put(f"{kind}/of_{kind}.gguf")
    listing = await catalog.list_models(ALL, None)
    for kind, field in lists.items():
        assert [(entry.name, entry.type) for entry in getattr(listing, field)] == [(f"of_{kind}.gguf", kind)]


async def test_the_loaded_model_is_marked_in_its_own_type_only(catalog: Catalog, put: Put) -> None:
    put("checkpoint/same.gguf")
    put("diffusion/same.gguf")
    listing = await catalog.list_models(ALL, ("same.gguf", "diffusion"))
    assert (listing.checkpoints[0].is_loaded, listing.diffusion_models[0].is_loaded) == (False, True)
    assert (listing.loaded_model, listing.loaded_model_type) == ("same.gguf", "diffusion")
    assert (await catalog.list_models(ALL, None)).diffusion_models[0].is_loaded is False


async def test_the_documented_filters(catalog: Catalog, put: Put) -> None:
    for name in ("flux1-schnell-Q5_K_M.gguf", "flux1-dev-Q4_K_S.gguf", "wan.safetensors"):
        put(f"diffusion/{name}")
    put("lora/flux_detail.safetensors")
    listing = await catalog.list_models(ModelFilters.parse(type="diffusion", search="FLUX"), None)
    assert [entry.name for entry in listing.diffusion_models] == [
        "flux1-dev-Q4_K_S.gguf",
        "flux1-schnell-Q5_K_M.gguf",
    ]
    assert listing.loras == []
    assert listing.applied_filters == {"type": "diffusion", "search": "FLUX"}


@pytest.mark.parametrize("extension", ["gguf", ".gguf", "GGUF", ".GgUf"])
async def test_the_extension_filter_needs_no_dot_and_no_case(
    catalog: Catalog, put: Put, extension: str
) -> None:
    put("vae/a.GGUF")
    put("vae/b.safetensors")
    assert await names(catalog, extension=extension) == ["a.GGUF"]


async def test_name_is_another_word_for_search() -> None:
    assert ModelFilters.parse(name="flux") == ModelFilters.parse(search="flux", type="", extension="")


async def test_an_unknown_type_is_refused_with_the_allowed_ones(catalog: Catalog) -> None:
    with pytest.raises(BadRequest, match=r"type: 'loras' .* allowed are checkpoint, diffusion, vae, lora"):
        await catalog.list_entries(type="loras")


async def test_only_model_files_that_are_not_hidden_are_listed(catalog: Catalog, put: Put) -> None:
    for name in ("a.safetensors", "b.GGUF", "C.ckpt", "d.pt", "e.PTH", "f.bin"):
        put(f"checkpoint/{name}")
    for name in ("readme.txt", ".hidden.gguf", ".git/x.gguf", "load.gguf.part", "half.part/x.gguf", "gguf"):
        put(f"checkpoint/{name}")
    (catalog.folders["checkpoint"] / "folder.gguf").mkdir()
    os.mkfifo(catalog.folders["checkpoint"] / "pipe.gguf")
    assert await names(catalog) == ["a.safetensors", "b.GGUF", "C.ckpt", "d.pt", "e.PTH", "f.bin"]
    assert catalog.problems() == ()


async def test_unicode_names_are_found_as_listed(catalog: Catalog, put: Put) -> None:
    path = put("lora/風景/Ünïcode мир 🐈.safetensors")
    assert await names(catalog, search="МИР") == ["風景/Ünïcode мир 🐈.safetensors"]
    assert await catalog.find("lora", "風景/Ünïcode мир 🐈.safetensors") == path


async def test_a_name_that_is_no_text_is_a_problem_and_not_an_entry(catalog: Catalog, put: Put) -> None:
    folder = os.fsencode(put("vae/fine.gguf").parent)
    os.mknod(folder + b"/bad\xff.gguf")
    assert await names(catalog) == ["fine.gguf"]
    assert "not valid Unicode" in catalog.problems()[0]


async def test_links_keep_their_own_name(catalog: Catalog, put: Put, tmp_path: Path) -> None:
    put("elsewhere/deep/model.safetensors", 7)
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae/linked.gguf").symlink_to(tmp_path / "elsewhere/deep/model.safetensors")
    (tmp_path / "vae/more").symlink_to(tmp_path / "elsewhere")
    assert await names(catalog) == ["linked.gguf", "more/deep/model.safetensors"]
    assert [entry.size_bytes for entry in await catalog.list_entries()] == [7, 7]


async def test_links_that_lead_in_circles_end(catalog: Catalog, put: Put, tmp_path: Path) -> None:
    put("vae/a/x.gguf")
    put("vae/b/y.gguf")
    (tmp_path / "vae/a/to_b").symlink_to(tmp_path / "vae/b")
    (tmp_path / "vae/b/to_a").symlink_to(tmp_path / "vae/a")
    (tmp_path / "vae/b/up").symlink_to(tmp_path / "vae")
    (tmp_path / "vae/self.gguf").symlink_to(tmp_path / "vae/self.gguf")
    assert await names(catalog) == ["a/to_b/y.gguf", "a/x.gguf", "b/to_a/x.gguf", "b/y.gguf"]
    assert len(catalog.problems()) == 1
    assert "self.gguf" in catalog.problems()[0]


async def test_what_cannot_be_read_is_told_and_the_rest_is_listed(
    catalog: Catalog, put: Put, tmp_path: Path
) -> None:
    put("vae/fine.gguf")
    (tmp_path / "vae/gone.gguf").symlink_to(tmp_path / "nowhere")
    put("lora")
    (tmp_path / "llm").symlink_to(tmp_path / "nowhere")
    listing = await catalog.list_models(ALL, None)
    assert [entry.name for entry in listing.vae] == ["fine.gguf"]
    assert listing.problems == list(catalog.problems())
    assert sorted(listing.problems) == [
        f"{tmp_path}/llm: the link leads nowhere",
        f"{tmp_path}/lora: Not a directory",
        f"{tmp_path}/vae/gone.gguf: the link leads nowhere",
    ]


async def test_files_that_come_and_go_are_noticed(catalog: Catalog, put: Put) -> None:
    first = put("vae/sub/first.gguf")
    assert await names(catalog) == ["sub/first.gguf"]
    put("vae/sub/second.gguf")
    put("lora/new.gguf")
    assert await names(catalog) == ["sub/first.gguf", "sub/second.gguf", "new.gguf"]
    first.unlink()
    assert await names(catalog) == ["sub/second.gguf", "new.gguf"]


async def test_an_unchanged_disk_is_not_read_again(catalog: Catalog, put: Put, tmp_path: Path) -> None:
    put("vae/model.gguf")
    settle(tmp_path)
    snapshot = await catalog.take_snapshot()
    assert await catalog.take_snapshot() is snapshot
    put("vae/model.gguf", 100)  # as a growing file, which does not touch its folder
    assert await catalog.take_snapshot() is snapshot
    await catalog.refresh()
    assert [entry.size_bytes for entry in await catalog.list_entries()] == [100]


async def test_sizes_are_read_again_after_a_while(
    catalog: Catalog, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("vae/model.gguf")
    settle(tmp_path)
    await catalog.refresh()
    put("vae/model.gguf", 100)
    monkeypatch.setattr("sdcpp_restapi.models.catalog.SIZES_AFTER", 0)
    assert [entry.size_bytes for entry in await catalog.list_entries()] == [100]


async def test_folders_without_end_are_read_up_to_a_bound(
    catalog: Catalog, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdcpp_restapi.models.folder_scan.MOST_DIRECTORIES", 5)
    for number in range(10):
        put(f"vae/{number}/model.gguf")
    assert len(await catalog.list_entries()) == 4
    assert "more than 5 folders" in catalog.problems()[0]


async def test_the_disk_is_left_alone_for_a_while(tmp_path: Path, put: Put) -> None:
    catalog = Catalog({"vae": tmp_path / "vae"}, refresh_after=3600)
    assert await names(catalog) == []
    put("vae/model.gguf")
    assert await names(catalog) == []
    await catalog.refresh()
    assert await names(catalog) == ["model.gguf"]


async def test_the_revision_rises_only_with_changed_entries_or_problems(catalog: Catalog, put: Put) -> None:
    await catalog.refresh()
    assert catalog.revision == 0
    put("vae/model.gguf")
    await catalog.refresh()
    assert catalog.revision == 1
    put("vae/readme.txt")
    await catalog.refresh()
    assert catalog.revision == 1
    put("lora")  # a file in place of the folder
    await catalog.refresh()
    assert catalog.revision == 2


async def test_requests_at_the_same_time_share_one_reading(
    tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sdcpp_restapi.models import catalog as module

    readings: list[Path] = []

    def counted(path: Path) -> FolderScan:
        readings.append(path)
        return scan_folder(path)

    monkeypatch.setattr(module, "scan_folder", counted)
    catalog = Catalog({"vae": tmp_path / "vae"}, refresh_after=3600)
    await asyncio.gather(*(catalog.list_entries() for _ in range(20)))
    assert len(readings) == 1
    await asyncio.gather(*(catalog.refresh() for _ in range(20)))
    assert len(readings) <= 3


async def test_find_looks_once_more_for_what_it_does_not_know(tmp_path: Path, put: Put) -> None:
    catalog = Catalog({"vae": tmp_path / "vae"}, refresh_after=3600)
    assert await catalog.find("vae", "sub/new.gguf") is None
    path = put("vae/sub/new.gguf")
    assert await catalog.find("vae", "sub/new.gguf") == path
    assert await catalog.find("vae", "new.gguf") is None


async def test_find_never_leaves_its_folder(catalog: Catalog, put: Put) -> None:
    outside = put("secret.gguf")
    put("vae/sub/model.gguf")
    for name in (str(outside), "../secret.gguf", "sub/../sub/model.gguf", "./sub/model.gguf", "", "sub"):
        assert await catalog.find("vae", name) is None


async def test_thousands_of_files_are_listed_from_memory(tmp_path: Path) -> None:
    for number in range(1000):
        folder = tmp_path / "lora" / str(number % 50)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"lora_{number}.safetensors").touch()
    catalog = Catalog({"lora": tmp_path / "lora"}, refresh_after=3600)
    await catalog.refresh()
    shutil.rmtree(tmp_path / "lora")
    assert len((await catalog.list_models(ALL, None)).loras) == 1000
