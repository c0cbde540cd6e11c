"""What a LoRA's header tells is told, or refused, before the engine sees it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.models.header_cache import HeaderCache
from sdcpp_restapi.models.lora_check import LoraCheck
from sdcpp_restapi.models.lora_files import LayerReader
from sdcpp_restapi.models.lora_outcomes import warn_of_ineffective_loras
from sdcpp_restapi.schemas.engine import LoraOutcome
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadRequest
from tests.support import stub_models
from tests.support.stub_models import write

LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
TEXT = "lora_te_text_model_encoder_layers_0_mlp_fc1"
PLAIN = {f"{LAYER}.lora_down.weight": [4, 768], f"{LAYER}.lora_up.weight": [32, 4]}


def loha(layer: str = LAYER) -> dict[str, list[int]]:
    return {
        f"{layer}.hada_w1_a": [32, 4], f"{layer}.hada_w1_b": [4, 768],
        f"{layer}.hada_w2_a": [32, 4], f"{layer}.hada_w2_b": [4, 768],
    }  # fmt: skip


LOKR = {f"{LAYER}.lokr_w1": [4, 4], f"{LAYER}.lokr_w2": [8, 192]}
LOW_LOKR = {f"{LAYER}.lokr_w1": [4, 4], f"{LAYER}.lokr_w2_a": [8, 2], f"{LAYER}.lokr_w2_b": [2, 192]}
LOW_LOKR_1 = {f"{LAYER}.lokr_w1_a": [4, 2], f"{LAYER}.lokr_w1_b": [2, 4], f"{LAYER}.lokr_w2": [8, 192]}
DIFF = {f"{LAYER}.diff": [32, 768]}


class Site:
    """A Stable Diffusion 1 model, and LoRAs as they are put beside it."""

    def __init__(self, catalog: Catalog, headers: HeaderCache, folder: Path) -> None:
        self.folder = folder
        self.check = LoraCheck(catalog, headers, LayerReader(catalog)).check
        write(folder / "checkpoint/sd1.safetensors", {**stub_models.sd1(), **self._clip()})
        write(folder / "diffusion/flux.safetensors", stub_models.flux())
        write(folder / "t5/t5.safetensors", stub_models.t5())
        write(folder / "llm/llm.safetensors", stub_models.llm())

    @staticmethod
    def _clip() -> Mapping[str, Sequence[int]]:
        return {f"cond_stage_model.transformer.{name}": shape for name, shape in stub_models.clip_l().items()}

    async def say(self, shapes: Mapping[str, Sequence[int]], **options: Any) -> list[str]:
        write(self.folder / "lora/x.safetensors", shapes)
        model = LoadRequest.model_validate({"model_name": "sd1.safetensors", "options": options})
        return await self.check(Txt2ImgRequest(prompt="a <lora:x:1>"), model)

    async def say_for_flux(self, shapes: Mapping[str, Sequence[int]], encoder: str, **options: Any) -> str:
        """What is refused for a Flux with one text encoder; nothing if it is not."""
        write(self.folder / "lora/x.safetensors", shapes)
        body = {"model_name": "flux.safetensors", "model_type": "diffusion", "options": options}
        component = {"t5xxl": "t5.safetensors"} if encoder == "t5xxl" else {"llm": "llm.safetensors"}
        try:
            await self.check(Txt2ImgRequest(prompt="<lora:x>"), LoadRequest.model_validate(body | component))
        except BadRequest as refused:
            return f"{refused.field}: {refused}"
        return ""

    async def refuse(self, shapes: Mapping[str, Sequence[int]], **options: Any) -> str:
        with pytest.raises(BadRequest) as caught:
            await self.say(shapes, **options)
        assert str(caught.value).startswith("loras: x.safetensors ")
        return str(caught.value)


@pytest.fixture
async def site(catalog: Catalog, tmp_path: Path) -> AsyncIterator[Site]:
    database = await Database.open(tmp_path / "sdcpp.db")
    yield Site(catalog, await HeaderCache.read(database), tmp_path)
    await database.close()


@pytest.mark.parametrize("quantised", [{}, {"weight_type": "q4_0"}])
@pytest.mark.parametrize("shapes", [PLAIN, LOKR, {"lora_unet_norm.diff": [32]}, {f"{LAYER}.diff_b": [32]}])
async def test_what_the_engine_takes_is_let_through(
    site: Site, shapes: dict[str, list[int]], quantised: dict[str, str]
) -> None:
    assert await site.say(shapes, **quantised) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (".lora_up.weight", ".lora_down.weight"),
        (".lora_B.weight", ".lora_A.weight"),
        (".lora_B.default.weight", ".lora_A.default.weight"),
        (".lora.up.weight", ".lora.down.weight"),
        (".lora_B.ink.weight", ".lora_A.ink.weight"),
        (".lora_B", ".lora_A"),
        (".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight"),
        ("_lora.up.weight", "_lora.down.weight"),
        (".hada_w1_a", ".hada_w1_b"),
        (".hada_w2_a", ".hada_w2_b"),
        (".lokr_w2_a", ".lokr_w2_b"),
    ],
)
@pytest.mark.parametrize("mode", ["at_runtime", "immediately"])
async def test_ranks_that_differ_are_refused_with_both_names(
    site: Site, first: str, second: str, mode: str
) -> None:
    shapes = {f"{LAYER}{first}": [32, 8], f"{LAYER}{second}": [4, 768]}
    text = await site.refuse(shapes, lora_apply_mode=mode)
    assert f"{LAYER}{first} (32x8)" in text
    assert f"{LAYER}{second} (4x768)" in text


async def test_a_tucker_decomposition_has_other_ranks(site: Site) -> None:
    middle = {f"{LAYER}.lora_mid.weight": [8, 4, 3, 3], f"{LAYER}.lora_up.weight": [32, 8, 1, 1]}
    assert await site.say({**PLAIN, **middle}) == []


@pytest.mark.parametrize("empty", [{"lora_down": [0, 768], "lora_up": [32, 0]}, {"lora_down": [4, 0]}])
async def test_an_empty_tensor_is_refused_by_name(site: Site, empty: dict[str, list[int]]) -> None:
    shapes = PLAIN | {f"{LAYER}.{name}.weight": shape for name, shape in empty.items()}
    text = await site.refuse(shapes)
    assert f"{LAYER}.lora_down.weight is empty (shape {'x'.join(map(str, empty['lora_down']))})" in text


@pytest.mark.parametrize("kind", ["bool", "int8", "int16", "uint16", "uint32", "uint64"])
async def test_types_that_the_engine_does_not_read_are_refused(site: Site, kind: str) -> None:
    tensors = {name: np.zeros(shape, np.float16) for name, shape in PLAIN.items()}
    (site.folder / "lora").mkdir()
    save_file(tensors | {"b": np.zeros(1, kind)}, site.folder / "lora/x.safetensors")
    with pytest.raises(BadRequest, match="'b' is of type"):
        await site.check(Txt2ImgRequest(prompt="<lora:x>"), LoadRequest(model_name="sd1.safetensors"))


async def test_a_header_that_is_damaged_is_refused(site: Site) -> None:
    (site.folder / "lora").mkdir()
    (site.folder / "lora/x.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(BadRequest, match=r"x\.safetensors can't be used: its header is not valid"):
        await site.check(Txt2ImgRequest(prompt="<lora:x>"), LoadRequest(model_name="sd1.safetensors"))


@pytest.mark.parametrize(("content", "refused"), [(b"PK\x03\x04junk", True), (b"junk" * 99, True),
                                                  (b"\x80\x02" + b"x" * 99, False)])  # fmt: skip
async def test_a_file_that_can_be_no_pickle_is_refused(site: Site, content: bytes, refused: bool) -> None:
    (site.folder / "lora").mkdir()
    (site.folder / "lora/x.pt").write_bytes(content)
    request, model = Txt2ImgRequest(prompt="<lora:x.pt>"), LoadRequest(model_name="sd1.safetensors")
    if not refused:
        assert await site.check(request, model) == []
        return
    with pytest.raises(BadRequest, match="neither a safetensors file nor a pickle"):
        await site.check(request, model)


@pytest.mark.parametrize("mode", ["auto", "at_runtime"])
@pytest.mark.parametrize("weight_type", ["q4_0", "q8_0", "q5_k"])
@pytest.mark.parametrize(
    ("shapes", "what", "network"),
    [
        (loha(), "LoHa", "diffusion"),
        (loha(TEXT), "LoHa", "clip_l"),
        (DIFF, "full difference", "diffusion"),
        ({f"{TEXT}.diff": [3072, 768]}, "full difference", "clip_l"),
    ],
)
async def test_what_quantised_weights_do_not_bear_is_refused(
    site: Site, shapes: dict[str, list[int]], what: str, network: str, weight_type: str, mode: str
) -> None:
    assert await site.say(shapes, lora_apply_mode=mode) == []
    text = await site.refuse(shapes, lora_apply_mode=mode, weight_type=weight_type)
    assert f"is a {what}, " in text
    assert f"{weight_type} weights of the {network}" in text


T5 = "encoder.block.0.layer.0.SelfAttention.q"
LLM = "model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("encoder", "layer"),
    [
        ("t5xxl", f"text_encoders.t5xxl.transformer.{T5}"),
        ("t5xxl", f"lora_te2_{T5}".replace(".", "_")),
        ("t5xxl", f"base_model.model.{T5}"),
        ("llm", f"text_encoders.llm.{LLM}"),
        ("llm", f"text_encoder.{LLM}"),
    ],
)
async def test_quantised_text_encoders_of_every_kind_are_minded(site: Site, encoder: str, layer: str) -> None:
    for shapes, what in ((loha(layer), "a LoHa"), ({f"{layer}.diff": [8, 64]}, "a full difference")):
        assert await site.say_for_flux(shapes, encoder) == ""
        for options in ({"weight_type": "q4_k"}, {"tensor_type_rules": f"{encoder}=q8_0"}):
            told = await site.say_for_flux(shapes, encoder, **options)
            assert told.startswith("loras: loras: x.safetensors")
            assert f"is {what}, which the engine can't apply" in told
            assert f"weights of the {encoder}" in told
        ruled = {"weight_type": "q8_0", "tensor_type_rules": f"{encoder}=f16,q_proj=q8_0,Self=q8_0"}
        assert await site.say_for_flux(shapes, encoder, **ruled) == ""
    plain = {f"{layer}.lora_down.weight": [4, 64], f"{layer}.lora_up.weight": [1, 4]}
    assert await site.say_for_flux(plain, encoder, weight_type="q8_0") == ""
    merged = {"weight_type": "q8_0", "lora_apply_mode": "immediately"}
    assert "can't be merged" in await site.say_for_flux(plain, encoder, **merged)


async def test_only_the_network_that_is_changed_is_minded(site: Site) -> None:
    only_t5 = {"tensor_type_rules": "t5xxl=q8_0"}
    assert (
        await site.say_for_flux(loha("diffusion_model.double_blocks.0.img_attn.qkv"), "t5xxl", **only_t5)
        == ""
    )
    only_flux = {"tensor_type_rules": "double_blocks=q8_0"}
    layer = "lora_transformer_transformer_blocks_0_attn_to_q"
    assert "of the diffusion" in await site.say_for_flux(loha(layer), "t5xxl", **only_flux)
    assert await site.say_for_flux(loha(f"lora_te2_{T5}".replace(".", "_")), "t5xxl", **only_flux) == ""


@pytest.mark.parametrize("kind", [np.int32, np.int64])
async def test_matrices_of_whole_numbers_are_refused_and_factors_are_not(site: Site, kind: type) -> None:
    down, up = PLAIN
    tensors = {name: np.zeros(shape, np.float16) for name, shape in PLAIN.items()}
    request, model = Txt2ImgRequest(prompt="<lora:x>"), LoadRequest(model_name="sd1.safetensors")
    (site.folder / "lora").mkdir()
    save_file(tensors | {f"{LAYER}.alpha": np.ones(1, kind)}, site.folder / "lora/x.safetensors")
    assert await site.check(request, model) == []
    save_file(tensors | {up: np.zeros(PLAIN[up], kind)}, site.folder / "lora/x.safetensors")
    with pytest.raises(BadRequest, match=rf"does not multiply with the type I\d\d of its tensor {up}"):
        await site.check(request, model)
    assert down in tensors


@pytest.mark.parametrize("shapes", [LOW_LOKR, LOW_LOKR_1])
async def test_a_low_rank_lokr_can_only_be_merged(site: Site, shapes: dict[str, list[int]]) -> None:
    assert "immediately" in await site.refuse(shapes)
    assert "immediately" in await site.refuse(shapes, lora_apply_mode="at_runtime")
    assert await site.say(shapes, lora_apply_mode="immediately") == []


@pytest.mark.parametrize("shapes", [PLAIN, LOKR, loha(), DIFF])
async def test_nothing_is_merged_into_quantised_weights(site: Site, shapes: dict[str, list[int]]) -> None:
    text = await site.refuse(shapes, lora_apply_mode="immediately", weight_type="q8_0")
    assert "at_runtime" in text


@pytest.mark.parametrize(
    "shapes",
    [
        {f"{LAYER}.oft_blocks": [4, 8, 8], f"{LAYER}.alpha": [1]},
        {f"{LAYER}.a1.weight": [4, 768], f"{LAYER}.a2.weight": [768, 4]},
        {f"base_model.model.{name}": shape for name, shape in PLAIN.items()},
        {f"lora_prior_{name}": shape for name, shape in PLAIN.items()},
        {"lora_unet_model_diffusion_model_a.lora_down.weight": [4, 8]},
        {"some.weight": [4, 4]},
    ],
)
async def test_what_will_not_act_is_a_warning(site: Site, shapes: dict[str, list[int]]) -> None:
    (warning,) = await site.say(shapes)
    assert warning.startswith("loras: x.safetensors will not act: ")


async def test_a_file_that_was_replaced_is_looked_at_again(site: Site) -> None:
    assert await site.say(PLAIN) == []
    await site.refuse({f"{LAYER}.lora_up.weight": [32, 8], f"{LAYER}.lora_down.weight": [4, 768]})
    assert await site.say(PLAIN) == []


@pytest.mark.parametrize(
    ("applied", "unread", "told"),
    [
        (4, None, []),
        (3, None, ["loras: 3 of 4 tensors of x.safetensors acted, the others do not fit this model"]),
        (0, None, ["loras: none of the 4 tensors of x.safetensors acted: they do not fit this model"]),
        (0, "no pickle", ["loras: x.safetensors did not act: the engine could not read it (no pickle)"]),
    ],
)
async def test_a_finished_job_tells_how_many_tensors_of_the_file_acted(
    tmp_path: Path, applied: int, unread: str | None, told: list[str]
) -> None:
    path = write(tmp_path / "x.safetensors", {**PLAIN, "a": [1], "b": [1]})
    outcome = LoraOutcome(path=str(path), applied=applied, seen=applied, unread=unread)
    assert await warn_of_ineffective_loras([outcome], {}) == told


async def test_where_no_header_is_read_the_engines_own_count_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"PK")
    outcomes = [LoraOutcome(path=str(path), applied=n, seen=2) for n in (2, 1)]
    (told,) = await warn_of_ineffective_loras(outcomes, {})
    assert told.startswith("loras: 1 of 2 tensors of x.pt acted")
