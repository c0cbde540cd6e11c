from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from sdcpp_restapi.cluster.server.known_workers import KnownWorkers
from sdcpp_restapi.cluster.server.remote_libraries import RemoteLibraries
from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.models.component_resolver import ComponentResolver
from sdcpp_restapi.models.components import Components
from sdcpp_restapi.models.embeddings import Embeddings
from sdcpp_restapi.models.file_copies import FileCopies
from sdcpp_restapi.models.header_cache import HeaderCache
from sdcpp_restapi.models.inspector import Inspector
from sdcpp_restapi.models.library import ModelLibrary
from sdcpp_restapi.models.lora_check import LoraCheck
from sdcpp_restapi.models.lora_files import LayerReader
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadRequest
from tests.support import stub_models
from tests.support.raw_safetensors import in_type, write_raw
from tests.support.stub_models import write


@pytest.fixture
async def facts(tmp_path: Path) -> AsyncIterator[HeaderCache]:
    database = await Database.open(tmp_path / "sdcpp.db")
    yield await HeaderCache.read(database)
    await database.close()


@pytest.fixture
def components(catalog: Catalog, facts: HeaderCache) -> Components:
    return Components(catalog, facts)


@pytest.fixture
def assembler(catalog: Catalog, facts: HeaderCache, components: Components) -> ComponentResolver:
    return ComponentResolver(catalog=catalog, headers=facts, components=components)


@pytest.fixture
def inspector(
    catalog: Catalog, facts: HeaderCache, components: Components, assembler: ComponentResolver
) -> Inspector:
    return Inspector(
        catalog=catalog,
        headers=facts,
        components=components,
        resolver=assembler,
        remote=RemoteLibraries(KnownWorkers()),
    )


@pytest.fixture
def library(
    catalog: Catalog, facts: HeaderCache, assembler: ComponentResolver, tmp_path: Path
) -> ModelLibrary:
    return ModelLibrary(
        catalog=catalog,
        resolver=assembler,
        headers=facts,
        lora_check=LoraCheck(catalog, facts, LayerReader(catalog)),
        embeddings=Embeddings(
            catalog=catalog, headers=facts, copies=FileCopies(tmp_path / "widened", most_bytes=2**20)
        ),
        remote=RemoteLibraries(KnownWorkers()),
        engine_here=True,
    )


async def assembled(assembler: ComponentResolver, **body: object) -> dict[str, str]:
    """Type and components of what would be loaded."""
    request, _ = await assembler.resolve(LoadRequest.model_validate(body))
    components = {str(part): name for part, name in request.components().items()}
    return {"model_type": request.model_type, **components}


async def refusal(assembler: ComponentResolver, **body: object) -> str:
    with pytest.raises(BadRequest) as caught:
        await assembler.resolve(LoadRequest.model_validate(body))
    return str(caught.value)


async def test_a_name_alone_gets_its_type_and_all_that_it_needs(
    assembler: ComponentResolver, tmp_path: Path
) -> None:
    write(tmp_path / "diffusion/flux.safetensors", stub_models.flux(64))
    write(tmp_path / "t5/wide.safetensors", stub_models.t5(128))
    write(tmp_path / "t5/right.safetensors", stub_models.t5(64))
    write(tmp_path / "clip/l.safetensors", stub_models.clip_l())
    write(tmp_path / "vae/sd.safetensors", stub_models.vae(4))
    write(tmp_path / "vae/wan.safetensors", stub_models.wan_vae())
    write(tmp_path / "vae/sub/ae.safetensors", stub_models.vae(16))
    assert await assembled(assembler, model_name="flux.safetensors") == {
        "model_type": "diffusion",
        "vae": "sub/ae.safetensors",
        "clip_l": "l.safetensors",
        "t5xxl": "right.safetensors",
    }


async def test_a_checkpoint_gets_nothing_that_it_contains(
    assembler: ComponentResolver, tmp_path: Path
) -> None:
    inside = {f"first_stage_model.{name}": shape for name, shape in stub_models.vae(4).items()}
    write(tmp_path / "checkpoint/whole.safetensors", {**stub_models.sd1(), **inside})
    write(tmp_path / "checkpoint/bare.safetensors", stub_models.sd1())
    write(tmp_path / "vae/sd.safetensors", stub_models.vae(4))
    assert await assembled(assembler, model_name="whole.safetensors") == {"model_type": "checkpoint"}
    assert await assembled(assembler, model_name="bare.safetensors") == {
        "model_type": "checkpoint", "vae": "sd.safetensors"
    }  # fmt: skip


@pytest.mark.parametrize("none", ["", None])
async def test_names_of_the_request_win_and_empty_ones_mean_none(
    assembler: ComponentResolver, tmp_path: Path, none: str | None
) -> None:
    write(tmp_path / "diffusion/flux.safetensors", stub_models.flux())
    write(tmp_path / "vae/ae.safetensors", stub_models.vae())
    write(tmp_path / "vae/flux.safetensors", stub_models.vae())
    write(tmp_path / "t5/t5.safetensors", stub_models.t5())
    write(tmp_path / "clip/l.safetensors", stub_models.clip_l())
    body = {"model_name": "flux.safetensors", "vae": "ae.safetensors", "clip_l": none}
    assert await assembled(assembler, **body) == {
        "model_type": "diffusion", "vae": "ae.safetensors", "t5xxl": "t5.safetensors"
    }  # fmt: skip


async def test_what_was_assembled_stays_as_it_is(assembler: ComponentResolver, tmp_path: Path) -> None:
    write(tmp_path / "diffusion/flux.safetensors", stub_models.flux())
    write(tmp_path / "vae/ae.safetensors", stub_models.vae())
    request = LoadRequest(model_name="flux.safetensors", clip_l="")
    once, told = await assembler.resolve(request)
    assert once.clip_l is None
    assert told == ["vae: not named; ae.safetensors was taken, which fits"]
    stored = LoadRequest.model_validate_json(once.model_dump_json())
    assert once.same_model(stored)
    write(tmp_path / "t5/later.safetensors", stub_models.t5())
    again, told = await assembler.resolve(stored)
    assert again.same_model(once)
    assert not told


def sd3() -> stub_models.Shapes:
    return {"joint_blocks.0.x.weight": [1, 1], "context_embedder.weight": [1, 64]}


@pytest.mark.parametrize("named", [{}, {"t5xxl": "t5.safetensors"}])
@pytest.mark.parametrize("alone", ["clip_l", "clip_g"])
async def test_half_of_a_pair_is_never_picked(
    assembler: ComponentResolver, tmp_path: Path, alone: str, named: dict[str, str]
) -> None:
    halves = {"clip_l": 768, "clip_g": 1280}
    write(tmp_path / "diffusion/sd3.safetensors", sd3())
    write(tmp_path / "vae/ae.safetensors", stub_models.vae())
    write(tmp_path / "t5/t5.safetensors", stub_models.t5())
    tokens = "text_model.embeddings.token_embedding.weight"
    write(tmp_path / f"clip/{alone}.safetensors", {tokens: [2, halves[alone]]})
    one = {alone: f"{alone}.safetensors"}
    taken = await assembled(assembler, model_name="sd3.safetensors", **named)
    assert taken.keys() == {"model_type", "vae", "t5xxl"}
    refused = await refusal(assembler, model_name="sd3.safetensors", **named, **one)
    assert refused.endswith(": SD3 needs clip_l and clip_g, or neither of them")
    other = next(half for half in halves if half != alone)
    write(tmp_path / f"clip/{other}.safetensors", {tokens: [2, halves[other]]})
    both = await assembled(assembler, model_name="sd3.safetensors", **named)
    assert both.keys() == {"model_type", "vae", "t5xxl", "clip_l", "clip_g"}
    # One that is named is completed; one that is not wanted takes the other with it.
    assert both == await assembled(assembler, model_name="sd3.safetensors", **named, **one)
    assert taken == await assembled(assembler, model_name="sd3.safetensors", **named, **{alone: None})
    assert await refusal(assembler, model_name="sd3.safetensors", **named, **one, **{other: ""}) == (
        f"{other}: SD3 needs clip_l and clip_g, or neither of them"
    )


async def test_of_several_that_fit_the_name_decides_then_precision_then_the_alphabet(
    inspector: Inspector, tmp_path: Path
) -> None:
    write(tmp_path / "diffusion/wan/flux1-dev-q4.safetensors", stub_models.flux())
    for name, type in (
        ("b.safetensors", np.float32),
        ("a.safetensors", np.float16),
        ("A2.safetensors", np.float16),
        ("dev_q4.safetensors", np.float16),
        ("flux_dev.safetensors", np.float16),
    ):
        write(tmp_path / "t5" / name, stub_models.t5(), type)
    found = await inspector.inspect("diffusion", "wan/flux1-dev-q4.safetensors")
    (need,) = [need for need in found.needs if need.component == "t5xxl"]
    assert need.candidates == [
        "flux_dev.safetensors", "dev_q4.safetensors", "b.safetensors", "A2.safetensors", "a.safetensors"
    ]  # fmt: skip
    assert need.picked == "flux_dev.safetensors"


async def test_without_a_vae_a_fitting_taesd_stands_in(assembler: ComponentResolver, tmp_path: Path) -> None:
    write(tmp_path / "diffusion/z.safetensors", stub_models.zimage())
    write(tmp_path / "llm/qwen.safetensors", stub_models.llm())
    write(tmp_path / "taesd/taesd.safetensors", stub_models.taesd(4))
    write(tmp_path / "taesd/taef1.safetensors", stub_models.taesd(16))
    assert await assembled(assembler, model_name="z.safetensors") == {
        "model_type": "diffusion", "llm": "qwen.safetensors", "taesd": "taef1.safetensors"
    }  # fmt: skip
    for body in ({"taesd": ""}, {"options": {"tae_preview_only": True}}):
        assert await refusal(assembler, model_name="z.safetensors", **body) == (
            "vae: Z-Image needs one; no file on disk fits"
        )


async def test_a_named_taesd_decodes_so_that_no_vae_is_added(
    assembler: ComponentResolver, tmp_path: Path
) -> None:
    write(tmp_path / "diffusion/z.safetensors", stub_models.zimage())
    write(tmp_path / "llm/qwen.safetensors", stub_models.llm())
    write(tmp_path / "vae/ae.safetensors", stub_models.vae())
    write(tmp_path / "taesd/taef1.safetensors", stub_models.taesd())
    body = {"model_name": "z.safetensors", "taesd": "taef1.safetensors"}
    assert "vae" not in await assembled(assembler, **body)
    assert (await assembled(assembler, **body, options={"tae_preview_only": True}))["vae"] == "ae.safetensors"


async def test_what_a_model_fails_without_is_told_with_what_would_fit(
    assembler: ComponentResolver, tmp_path: Path
) -> None:
    write(tmp_path / "diffusion/m.safetensors", stub_models.minit2i())
    write(tmp_path / "t5/wide.safetensors", stub_models.t5(4096))
    assert await refusal(assembler, model_name="m.safetensors") == (
        "t5xxl: MiniT2I needs one; no file on disk fits"
    )
    write(tmp_path / "t5/one.safetensors", stub_models.t5(64))
    write(tmp_path / "t5/two.safetensors", stub_models.t5(64))
    assert await refusal(assembler, model_name="m.safetensors", t5xxl="") == (
        "t5xxl: MiniT2I needs one; of the files on disk, these fit: one.safetensors, two.safetensors"
    )


async def test_all_components_that_do_not_fit_are_told_at_once(
    assembler: ComponentResolver, tmp_path: Path
) -> None:
    write(tmp_path / "diffusion/flux.safetensors", stub_models.flux())
    write(tmp_path / "t5/wide.safetensors", stub_models.t5(4096))
    write(tmp_path / "vae/taef1.safetensors", stub_models.taesd())
    write(tmp_path / "vae/ae.safetensors", stub_models.vae())
    write(tmp_path / "taesd/taesd.safetensors", stub_models.taesd(4))
    body = {"t5xxl": "wide.safetensors", "vae": "taef1.safetensors", "taesd": "taesd.safetensors"}
    assert await refusal(assembler, model_name="flux.safetensors", **body) == (
        "vae: 'taef1.safetensors' is a TAESD, which is named as taesd"
        "; of the files on disk, these fit: ae.safetensors"
        "; t5xxl: 'wide.safetensors' has width 4096; Flux needs 64; no file on disk fits"
        "; taesd: 'taesd.safetensors' has channels 4; Flux needs 16; no file on disk fits"
    )


async def test_lingbot_takes_no_taehv(assembler: ComponentResolver, tmp_path: Path) -> None:
    write(tmp_path / "diffusion/lingbot.safetensors", stub_models.lingbot())
    write(tmp_path / "llm/qwen.safetensors", stub_models.llm())
    write(tmp_path / "vae/wan.safetensors", stub_models.wan_vae())
    write(tmp_path / "taesd/taehv.safetensors", stub_models.taehv())
    assert "is a TAEHV; LingBot Video takes none" in await refusal(
        assembler, model_name="lingbot.safetensors", taesd="taehv.safetensors"
    )
    assert await assembled(assembler, model_name="lingbot.safetensors") == {
        "model_type": "diffusion", "llm": "qwen.safetensors", "vae": "wan.safetensors"
    }  # fmt: skip


async def test_a_name_in_two_folders_needs_a_type(assembler: ComponentResolver, tmp_path: Path) -> None:
    write(tmp_path / "diffusion/x.safetensors", stub_models.minit2i())
    write(tmp_path / "checkpoint/x.safetensors", stub_models.sd1())
    assert await refusal(assembler, model_name="x.safetensors") == (
        "model_name: 'x.safetensors' is in checkpoint and diffusion; say which with model_type"
    )
    write(tmp_path / "vae/sd.safetensors", stub_models.vae(4))
    assert (await assembled(assembler, model_name="x.safetensors", model_type="checkpoint"))["vae"]


async def test_what_is_not_certain_is_left_to_the_engine(
    assembler: ComponentResolver, tmp_path: Path
) -> None:
    write(tmp_path / "diffusion/new.safetensors", {"layers.0.weight": [1]})
    write(tmp_path / "diffusion/flux.safetensors", stub_models.flux())
    write(tmp_path / "vae/ae.safetensors", stub_models.vae())
    (tmp_path / "vae/unknown.pt").parent.mkdir(exist_ok=True)
    (tmp_path / "vae/unknown.pt").write_bytes(b"PK")
    assert await assembled(assembler, model_name="new.safetensors", vae="unknown.pt") == {
        "model_type": "diffusion", "vae": "unknown.pt"
    }  # fmt: skip
    # Flux is better with its text encoders, and draws without T5 (measured on 487de75).
    assert "t5xxl" not in await assembled(assembler, model_name="flux.safetensors", vae="unknown.pt")


async def test_an_inspection_shows_what_a_load_would_take(inspector: Inspector, tmp_path: Path) -> None:
    write(tmp_path / "diffusion/m.safetensors", stub_models.minit2i())
    lonely = await inspector.inspect("diffusion", "m.safetensors")
    assert lonely.load is None
    assert [need.model_dump() for need in lonely.needs] == [
        {"component": "t5xxl", "required": True, "candidates": [], "picked": None}
    ]
    write(tmp_path / "t5/t5.safetensors", stub_models.t5())
    found = await inspector.inspect("diffusion", "m.safetensors")
    assert found.load == {"model_name": "m.safetensors", "model_type": "diffusion", "t5xxl": "t5.safetensors"}


async def test_a_part_of_a_model_is_no_candidate_and_is_told(
    assembler: ComponentResolver, inspector: Inspector, tmp_path: Path
) -> None:
    write(tmp_path / "diffusion/m.safetensors", stub_models.minit2i())
    write(tmp_path / "diffusion/m-00001-of-00003.safetensors", stub_models.minit2i())
    write(tmp_path / "t5/sh-00001-of-00002.safetensors", stub_models.t5())
    write(tmp_path / "t5/SH-2-OF-3.SAFETENSORS", stub_models.t5())
    inspected = await inspector.inspect("diffusion", "m.safetensors")
    assert inspected.needs[0].candidates == []
    part = await inspector.inspect("t5", "sh-00001-of-00002.safetensors")
    assert part.problem == "part 1 of 2: join them or use one file"
    assert part.network("t5xxl")
    other = await inspector.inspect("t5", "SH-2-OF-3.SAFETENSORS")
    assert other.problem == "part 2 of 3: join them or use one file"
    told = await refusal(assembler, model_name="m.safetensors", t5xxl="sh-00001-of-00002.safetensors")
    assert told.startswith("t5xxl: sh-00001-of-00002.safetensors can't be used: part 1 of 2: join them")
    main = await refusal(assembler, model_name="m-00001-of-00003.safetensors", t5xxl="")
    assert main == (
        "model_name: m-00001-of-00003.safetensors can't be used: part 1 of 3: join them or use one file"
    )
    # The only part is the whole, and so is what only looks a little like a part.
    for whole in ("sh-00001-of-00001.safetensors", "one-of-2.safetensors", "sh-1-of-2-joined.safetensors"):
        write(tmp_path / "t5" / whole, stub_models.t5())
    inspected = await inspector.inspect("diffusion", "m.safetensors")
    assert len(inspected.needs[0].candidates) == 3


async def test_what_is_not_valid_is_refused_as_model_component_lora_embedding_and_path(
    library: ModelLibrary, assembler: ComponentResolver, catalog: Catalog, facts: HeaderCache, tmp_path: Path
) -> None:
    write(tmp_path / "diffusion/flux.safetensors", stub_models.flux())
    write(tmp_path / "vae/good.safetensors", stub_models.vae())
    write(tmp_path / "embedding/good.safetensors", {"emb_params": [1, 768]})
    for kind in ("diffusion", "vae", "lora", "embedding", "esrgan", "controlnet"):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / "bad.gguf").write_bytes(b"GGUF\3\0\0\0" + b"\xff" * 40)
    why = "can't be used: its header is not valid: "
    assert why in await refusal(assembler, model_name="bad.gguf")
    for component in ("vae", "controlnet"):
        told = await refusal(assembler, model_name="flux.safetensors", **{component: "bad.gguf"})
        assert told.startswith(f"{component}: bad.gguf {why}")
        with pytest.raises(BadRequest, match=f"{component}: bad.gguf {why}"):
            # A model of an earlier load is not completed anew.
            await library.complete(
                LoadRequest(model_name="flux.safetensors", model_type="diffusion").model_copy(
                    update={component: "bad.gguf"}
                ),
                whole=True,
            )
    with pytest.raises(BadRequest, match=f"model_name: bad.gguf {why}"):
        await library.check_upscaler("bad.gguf")
    with pytest.raises(BadRequest, match=f"input_path: bad.gguf {why}"):
        await library.check_files({"input_path": tmp_path / "vae/bad.gguf"})
    model = LoadRequest(model_name="flux.safetensors", model_type="diffusion", vae="good.safetensors")
    with pytest.raises(BadRequest, match=f"loras: bad.gguf {why}"):
        await LoraCheck(catalog, facts, LayerReader(catalog)).check(prompt("bad"), model)
    write(tmp_path / "checkpoint/sd1.safetensors", stub_models.sd1())
    files, left_out = await library.find_load_files(LoadRequest(model_name="sd1.safetensors"))
    assert files.embeddings.keys() == {"good"}
    assert [sentence.partition(": its header")[0] for sentence in left_out] == [
        "embedding bad: bad.gguf can't be used"
    ]


def prompt(*names: str) -> Txt2ImgRequest:
    return Txt2ImgRequest(prompt="a cat " + "".join(f"<lora:{name}>" for name in names))


async def test_a_lora_for_another_architecture_is_a_warning(
    catalog: Catalog, facts: HeaderCache, tmp_path: Path
) -> None:
    write(tmp_path / "diffusion/flux.safetensors", stub_models.flux())
    write(tmp_path / "lora/good.safetensors", stub_models.lora("lora_unet_double_blocks_0_img_attn_qkv"))
    write(
        tmp_path / "lora/sdxl.safetensors", stub_models.lora("lora_te2_text_model_encoder_layers_0_mlp_fc1")
    )
    write(tmp_path / "lora/strange.safetensors", stub_models.lora("something_else"))
    model = LoadRequest(model_name="flux.safetensors", model_type="diffusion")
    check = LoraCheck(catalog, facts, LayerReader(catalog)).check
    assert await check(prompt("good", "strange"), model) == []
    assert await check(prompt("good", "sdxl"), model) == [
        "loras: sdxl.safetensors is made for SDXL, this model is Flux: it may not act at all"
    ]


async def test_scaled_fp8_is_refused_as_a_model_and_as_a_component_and_never_picked(
    assembler: ComponentResolver, tmp_path: Path
) -> None:
    scale = {"scaled_fp8": ("F32", [1])}
    write(tmp_path / "diffusion/plain.safetensors", stub_models.minit2i())
    write_raw(tmp_path / "diffusion/fp8.safetensors", in_type(stub_models.minit2i(), "F8_E4M3") | scale)
    write_raw(tmp_path / "t5/a_fp8.safetensors", in_type(stub_models.t5(), "F8_E4M3") | scale)
    with pytest.raises(BadRequest, match=r"^t5xxl: MiniT2I needs one; no file on disk fits"):
        await assembler.resolve(LoadRequest(model_name="plain.safetensors", model_type="diffusion"))
    write(tmp_path / "t5/t5.safetensors", stub_models.t5())
    picked, _ = await assembler.resolve(LoadRequest(model_name="plain.safetensors", model_type="diffusion"))
    assert picked.t5xxl == "t5.safetensors"
    with pytest.raises(BadRequest, match=r"^t5xxl: 'a_fp8\.safetensors' is scaled FP8 .* fit: t5\.safe"):
        await assembler.resolve(
            LoadRequest(model_name="plain.safetensors", model_type="diffusion", t5xxl="a_fp8.safetensors")
        )
    with pytest.raises(BadRequest, match=r"^model_name: 'fp8\.safetensors' is scaled FP8"):
        await assembler.resolve(LoadRequest(model_name="fp8.safetensors", model_type="diffusion"))
