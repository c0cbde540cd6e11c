"""The engine gets embeddings in F32 only, and only those that the model takes; the others are told."""

import json
import os
import struct
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sdcpp_restapi.db import Database
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.models.embeddings import Embeddings
from sdcpp_restapi.models.file_copies import FileCopies
from sdcpp_restapi.models.header_cache import HeaderCache
from sdcpp_restapi.models.tensor_files import WIDENED_TYPES
from sdcpp_restapi.models.tensor_widening import WIDENED
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadRequest
from tests.support import stub_models
from tests.support.stub_models import write
from tests.support.torch_pickles import as_tensor, write_legacy, write_zip


def vectors(width: int = 768, kind: Any = np.float32, rows: int = 2) -> Any:
    return np.random.default_rng(1).standard_normal((rows, width)).astype(kind)


class Site:
    """A library with an SD1 and an SDXL model."""

    def __init__(self, catalog: Catalog, headers: HeaderCache, folder: Path) -> None:
        self.catalog, self.folder, self.copies = catalog, folder, folder / "data/embeddings"
        self.embeddings = Embeddings(
            catalog=catalog, headers=headers, copies=FileCopies(self.copies, most_bytes=2**20)
        )
        clip_l = {f"cond_stage_model.transformer.{n}": s for n, s in stub_models.clip_l().items()}
        write(folder / "checkpoint/sd1.safetensors", {**stub_models.sd1(), **clip_l})
        text = "text_model.embeddings.token_embedding.weight"
        both = {
            f"conditioner.embedders.0.transformer.{text}": [2, 768],
            f"conditioner.embedders.1.transformer.{text}": [2, 1280],
        }
        write(folder / "checkpoint/sdxl.safetensors", both)
        write(folder / "diffusion/flux.safetensors", stub_models.flux())

    def put(self, name: str, **tensors: Any) -> Path:
        path = self.folder / "embedding" / name
        path.parent.mkdir(exist_ok=True)
        save_file(tensors, path)
        return path

    async def given(self, model: str = "sd1.safetensors", kind: str = "checkpoint") -> Mapping[str, str]:
        request = LoadRequest.model_validate({"model_name": model, "model_type": kind})
        return (await self.embeddings.prepare(await self.catalog.resolve(request))).embeddings

    async def told(self, prompt: str, model: str = "sd1.safetensors", negative: str = "") -> list[str]:
        request = Txt2ImgRequest(prompt=prompt, negative_prompt=negative)
        return await self.embeddings.check(request, LoadRequest(model_name=model))


@pytest.fixture
async def site(catalog: Catalog, tmp_path: Path) -> AsyncIterator[Site]:
    database = await Database.open(tmp_path / "sdcpp.db")
    yield Site(catalog, await HeaderCache.read(database), tmp_path)
    await database.close()


async def test_f32_is_given_as_it_is(site: Site) -> None:
    path = site.put("good.safetensors", emb_params=vectors())
    assert await site.given() == {"good": str(path)}
    assert await site.told("a good cat") == []
    assert not site.copies.exists()


async def test_f16_is_given_as_a_copy_in_f32_that_is_made_once(site: Site) -> None:
    site.put("half.safetensors", emb_params=vectors(kind=np.float16))
    given = (await site.given())["half"]
    assert Path(given).parent == site.copies
    copy = load_file(given)["emb_params"]
    assert copy.dtype == np.float32
    assert (copy == vectors(kind=np.float16).astype(np.float32)).all()
    made = os.stat(given).st_ino
    assert (await site.given())["half"] == given
    assert os.stat(given).st_ino == made
    assert [path.name for path in site.copies.iterdir()] == [Path(given).name]
    site.put("half.safetensors", emb_params=vectors(kind=np.float16) * 2)
    await site.catalog.refresh()
    assert (await site.given())["half"] != given
    assert Path(given).name not in os.listdir(site.copies)
    assert await site.told("half") == []


async def test_bf16_is_given_as_a_copy_in_f32(site: Site) -> None:
    values = np.array([[1.0, -2.5, 0.0, 3.0e38] * 192], np.float32)
    path = site.folder / "embedding/brain.safetensors"
    path.parent.mkdir()
    entry = {"dtype": "BF16", "shape": [1, 768], "data_offsets": [0, 1536]}
    text = json.dumps({"__metadata__": {"a": "b"}, "emb_params": entry}).encode()
    data = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    copy = load_file((await site.given())["brain"])["emb_params"]
    assert copy.shape == (1, 768)
    assert np.allclose(copy, values, rtol=0.01)


@pytest.mark.parametrize(
    ("kind", "data", "values"),
    [
        ("f8_e4m3", [0x00, 0x38, 0xB8, 0x7E, 0x01, 0x40], [0, 1, -1, 448, 2**-9, 2]),
        ("f8_e5m2", [0x00, 0x3C, 0xBC, 0x7B, 0x01, 0x40], [0, 1, -1, 57344, 2**-16, 2]),
        ("f64", list(np.array([1.5, -2.0]).tobytes()), [1.5, -2]),
        ("bf16", [0x80, 0x3F, 0x00, 0xC0], [1, -2]),
    ],
)
def test_each_type_means_what_it_says(kind: str, data: list[int], values: list[float]) -> None:
    assert WIDENED[kind](bytes(data)).tolist() == values
    assert np.isnan(WIDENED["f8_e4m3"](b"\x7f\xff")).all()


async def test_another_width_is_left_out_and_told_where_it_is_named(site: Site) -> None:
    path = site.put("xl.safetensors", clip_l=vectors(), clip_g=vectors(1280))
    assert await site.given() == {}
    assert await site.given("sdxl.safetensors") == {"xl": str(path)}
    wide = "xl.safetensors has width 768 and 1280, this model's text encoders have 768"
    told = f"embedding xl has no effect: {wide}"
    assert await site.told("photo, XL, x") == [told]
    assert await site.told("photo", negative="bad (xl:1.2)") == [told]
    assert await site.told("photo, xlarge, a_xl") == []


@pytest.mark.parametrize("name", ["good", "Good.safetensors", "sub/good", "good."])
async def test_the_prefix_of_an_embedding_is_text(site: Site, name: str) -> None:
    site.put("good.safetensors", emb_params=vectors())
    told = await site.told("a cat", negative=f"(embedding:{name}:1.2), embedding:{name}")
    assert told == [f"embedding:{name} acts by the embedding's name alone, the rest stays text"]


async def test_an_embedding_that_is_not_there_is_told_by_its_prefix(site: Site) -> None:
    missing = "embedding:nothere has no effect: there is no embedding of that name"
    assert await site.told("a cat, (embedding:nothere:1.2), Embedding:nothere x") == [
        missing,
        "E" + missing[1:],
    ]
    assert await site.told("embedding: none, myembedding:x") == []
    site.put("good.safetensors", emb_params=vectors())
    assert await site.told("embedding:nothere, good") == [missing]


@pytest.mark.parametrize("content", [b"PK\x03\x04junk", b"", b"no tensors" * 20])
async def test_what_can_be_no_embedding_is_left_out_and_told(site: Site, content: bytes) -> None:
    (site.folder / "embedding").mkdir()
    (site.folder / "embedding/junk.pt").write_bytes(content)
    assert await site.given() == {}
    (told,) = await site.told("a junk cat")
    assert told.startswith("embedding junk has no effect: junk.pt is neither")


async def test_damaged_and_unreadable_ones_are_left_out_and_told(site: Site) -> None:
    site.put("whole.safetensors", emb_params=np.zeros((2, 768), np.int8))
    site.put("cut.safetensors", emb_params=vectors())
    path = site.folder / "embedding/cut.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    assert await site.given() == {}
    told = await site.told("whole cut")
    assert sorted(text.partition(":")[0] for text in told) == [
        "embedding cut has no effect", "embedding whole has no effect"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"emb_params": vectors(1280)}, "has width 1280, this model's text encoders have 768 and 1280"),
        ({"emb_params": vectors()}, "has width 768, this model's text encoders have 768 and 1280"),
        (
            {"clip_l": vectors(rows=3), "clip_g": vectors(1280)},
            "has 3 and 2 vectors of width 768 and 1280, each text encoder needs as many as the other",
        ),
        (
            {"a": vectors(), "b": vectors(), "c": vectors(1280)},
            "holds several tensors for one text encoder, of which the engine reads one",
        ),
        ({"clip_l": vectors(rows=0), "clip_g": vectors(1280, rows=0)}, "holds no vectors"),
        ({"clip_l": np.zeros((2, 2, 768), np.float32)}, "holds a tensor of more than two dimensions"),
    ],
)
async def test_what_ends_the_engine_or_mixes_up_two_encoders_is_left_out_and_told(
    site: Site, tensors: dict[str, Any], reason: str
) -> None:
    site.put("part.safetensors", **tensors)
    assert await site.given("sdxl.safetensors") == {}
    told = await site.told("a part", "sdxl.safetensors")
    assert told == [f"embedding part has no effect: part.safetensors {reason}"]


async def test_both_parts_are_given_and_how_the_engine_reads_them_is_told(site: Site) -> None:
    path = site.put("xl.safetensors", clip_l=vectors(), clip_g=vectors(1280))
    assert await site.given("sdxl.safetensors") == {"xl": str(path)}
    (told,) = await site.told("photo, xl", "sdxl.safetensors")
    assert told.startswith("embedding xl: the engine gives its vectors for CLIP-G to both text encoders")


@pytest.mark.parametrize("write", [write_zip, write_legacy])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
async def test_a_pickle_is_given_as_a_copy_in_f32(site: Site, write: Any, kind: Any) -> None:
    write(site.folder / "embedding/old.pt", {"*": as_tensor(vectors(kind=kind))})
    copy = load_file((await site.given())["old"])["string_to_param.*"]
    assert copy.dtype == np.float32
    assert (copy == vectors(kind=kind).astype(np.float32)).all()
    assert await site.told("old") == []


async def test_a_pickle_in_bf16_is_widened_too(site: Site) -> None:
    write_zip(site.folder / "embedding/old.pt", {"*": ("BFloat16Storage", (1, 768), b"\x80\x3f" * 768)})
    assert (load_file((await site.given())["old"])["string_to_param.*"] == 1).all()


async def test_pickles_that_the_engine_drops_are_left_out_and_told(site: Site) -> None:
    write_zip(site.folder / "embedding/wide.pt", {"*": as_tensor(vectors(1024))})
    (site.folder / "embedding/junk.pt").write_bytes(b"\x80\x02" + b"x" * 99)
    (site.folder / "embedding/zip.pt").write_bytes(b"PK\x03\x04" + b"x" * 99)
    write_zip(site.folder / "embedding/none.pt", {})
    assert await site.given() == {}
    assert sorted(await site.told("wide junk zip none")) == [
        "embedding junk has no effect: junk.pt can't be read: it is no archive of torch.save;"
        " save it as safetensors",
        "embedding none has no effect: none.pt holds no vectors",
        "embedding wide has no effect: wide.pt has width 1024, this model's text encoders have 768",
        "embedding zip has no effect: zip.pt can't be read: it is no archive of torch.save;"
        " save it as safetensors",
    ]


async def test_a_large_file_is_left_out_unread(site: Site) -> None:
    path = site.put("big.safetensors", emb_params=vectors())
    os.truncate(path, 2**26 + 1)
    assert await site.given() == {}
    assert await site.told("big") == ["embedding big has no effect: big.safetensors is larger than 64 MiB"]


async def test_a_name_inside_a_longer_word_is_told(site: Site) -> None:
    site.put("cat.safetensors", emb_params=vectors())
    inside = "embedding cat acts inside 'category': the engine finds its name in longer words too"
    assert await site.told("a category, categories") == [inside, inside.replace("category", "categories")]
    assert await site.told("a dog", negative="the category") == [inside]
    assert await site.told("a cat, cat's (Cat:1.2) <lora:category:1>") == []
    await site.given()
    assert await site.told("a category", "unknown.safetensors") == [inside]


async def test_a_name_that_hides_another_is_told(site: Site) -> None:
    site.put("easyneg.safetensors", emb_params=vectors())
    site.put("easynegV2.safetensors", emb_params=vectors())
    assert await site.told("x", negative="easynegV2, easyneg") == [
        "embedding easyneg acts inside 'easynegv2': the engine finds its name in longer words too",
        "embedding easynegV2 has no effect: the engine reads easyneg in its name; rename one of them",
    ]


async def test_a_name_with_brackets_is_told_unless_they_are_escaped(site: Site) -> None:
    site.put("bad (1).safetensors", emb_params=vectors())
    assert await site.told("a bad (1)") == [
        "embedding bad (1) has no effect: the engine does not find its name;"
        " brackets in it need a backslash each"
    ]
    assert await site.told(r"a bad \(1\)") == []


async def test_architectures_that_read_no_embeddings_get_none_and_tell(site: Site) -> None:
    site.put("odd.safetensors", emb_params=vectors())
    assert await site.given("flux.safetensors", "diffusion") == {}
    request = Txt2ImgRequest(prompt="an odd cat")
    model = LoadRequest(model_name="flux.safetensors", model_type="diffusion")
    assert await site.embeddings.check(request, model) == [
        "embedding odd has no effect: odd.safetensors is for the text encoders of SD1, SD2 and SDXL,"
        " this model is Flux"
    ]


async def test_a_model_of_unknown_width_gets_all_widths(site: Site) -> None:
    odd = site.put("odd.safetensors", emb_params=vectors(11))
    write(site.folder / "checkpoint/unknown.safetensors", {"x": [1]})
    assert await site.given("unknown.safetensors") == {"odd": str(odd)}


def test_the_types_that_are_widened_are_those_that_can_be() -> None:
    assert set(WIDENED) == WIDENED_TYPES
