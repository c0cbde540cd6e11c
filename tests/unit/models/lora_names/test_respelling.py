"""Which names of a LoRA are changed, and into which: as little as the engine needs."""

from collections.abc import Mapping, Sequence

import pytest

from sdcpp_restapi.models.headers.header import Header, Tensor
from sdcpp_restapi.models.lora_names.model_layers import ModelLayers
from sdcpp_restapi.models.lora_names.respelling import find_changes, plan_copy
from sdcpp_restapi.models.lora_names.tensor_name import TensorName, parse_name
from tests.support.tiny_models.files import shapes

type Shapes = Mapping[str, Sequence[int]]


def header(shapes: Shapes) -> Header:
    return Header("safetensors", {name: Tensor(tuple(shape), "f16") for name, shape in shapes.items()})


def after(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


SD1 = ModelLayers.of(
    [
        (
            "model",
            header(
                {
                    **shapes("sd1_unet", "model.diffusion_model."),
                    **shapes("clip_l", "cond_stage_model.transformer."),
                }
            ),
        )
    ]
)
FLUX = ModelLayers.of([("model", header(shapes("flux"))), ("clip_l", header(shapes("clip_l")))])
SD3 = ModelLayers.of([("model", header(shapes("sd3"))), ("clip_g", header(shapes("clip_g")))])
QWEN = ModelLayers.of([("model", header(shapes("qwen_image"))), ("llm", header(shapes("qwen2_vl")))])
WAN = ModelLayers.of([("model", header(shapes("wan"))), ("t5xxl", header(shapes("umt5")))])


def spell(
    layer: str, shape: tuple[int, int], ends: tuple[str, str] = ("lora_down.weight", "lora_up.weight")
) -> Shapes:
    return {f"{layer}.{ends[0]}": [4, shape[1]], f"{layer}.{ends[1]}": [shape[0], 4]}


def copied(shapes: Shapes, layers: ModelLayers) -> list[str] | None:
    """The layers of the copy; None where there is none."""
    plan = plan_copy(header(shapes), layers)
    if plan is None:
        return None
    parsed = [parse_name(tensor.name) for tensor in plan]
    return list(dict.fromkeys(name.layer if name else "?" for name in parsed))


@pytest.mark.parametrize(
    ("name", "layer", "part"),
    [
        ("lora_unet_a_b.lora_down.weight", "lora_unet_a_b", "lora_down"),
        ("a.b.lora_mid.weight", "a.b", "lora_mid"),
        ("a.b.lora.up.weight", "a.b", "lora_up"),
        ("a.attn1.processor.to_q_lora.down.weight", "a.attn1.to_q", "lora_down"),
        ("a.b.lora_linear_layer.up.weight", "a.b", "lora_up"),
        ("a.b.lora_A.weight", "a.b", "lora_down"),
        ("a.b.lora_B.default.weight", "a.b", "lora_up"),
        ("a.b.lora_A", "a.b", "lora_down"),
        ("double_blocks.3.processor.qkv_lora2.up.weight", "double_blocks.3.txt_attn.qkv", "lora_up"),
        ("x.single_blocks.3.processor.proj_lora.down.weight", "x.single_blocks.3.linear2", "lora_down"),
        ("a.b.alpha", "a.b", "alpha"),
        ("a.b.diff_b", "a.b", "diff_b"),
        ("a.b.hada_w1_a", "a.b", "hada_w1_a"),
        ("a.b.lokr_w2", "a.b", "lokr_w2"),
    ],
)
def test_a_name_is_taken_apart_into_layer_and_part(name: str, layer: str, part: str) -> None:
    assert parse_name(name) == TensorName(layer, part)


@pytest.mark.parametrize(
    "name", ["a.b.oft_blocks", "a.weight", "single_blocks.0.processor.qkv_lora1.up.weight", ""]
)
def test_what_is_no_part_of_a_known_change_is_left_alone(name: str) -> None:
    assert parse_name(name) is None


RESNET = "down_blocks.1.resnets.0.conv_shortcut"


@pytest.mark.parametrize(
    ("layers", "own", "shape", "spellings"),
    [
        (SD1, "diffusion_model.input_blocks.4.0.skip_connection", (64, 32), [f"base_model.model.{RESNET}"]),
        (SD1, "diffusion_model.input_blocks.3.0.op", (32, 32), [
            "base_model.model.down_blocks.0.downsamplers.0.conv",
        ]),
        (SD1, "diffusion_model.middle_block.1.proj_in", (128, 128), [
            "base_model.model.mid_block.attentions.0.proj_in",
        ]),
        (SD1, "diffusion_model.input_blocks.0.0", (32, 4), ["base_model.model.conv_in"]),
        (FLUX, "text_encoders.clip_l.transformer.text_model.encoder.layers.3.mlp.fc1", (3072, 768), [
            "text_encoder.text_model.encoder.layers.3.mlp.fc1",
            "clip_l.transformer.text_model.encoder.layers.3.mlp.fc1",
        ]),
        (FLUX, "diffusion_model.time_in.in_layer", (128, 256), [
            "lora_transformer_time_text_embed_timestep_embedder_linear_1",
            "base_model.model.time_text_embed.timestep_embedder.linear_1",
        ]),
        (SD3, "diffusion_model.joint_blocks.7.context_block.mlp.fc1", (384, 96), [
            "lora_transformer_transformer_blocks_7_ff_context_net_0_proj",
            "lora_unet_joint_blocks_7_context_block_mlp_fc1",
        ]),
        (SD3, "text_encoders.clip_g.transformer.text_model.encoder.layers.31.mlp.fc2", (1280, 5120), [
            "lora_te2_text_model_encoder_layers_31_mlp_fc2",
            "text_encoder_2.text_model.encoder.layers.31.mlp.fc2",
        ]),
        (QWEN, "diffusion_model.transformer_blocks.0.attn.add_q_proj", (3072, 3072), [
            "base_model.model.transformer_blocks.0.attn.add_q_proj",
            "lora_transformer_transformer_blocks_0_attn_add_q_proj",
        ]),
        (WAN, "diffusion_model.blocks.0.self_attn.q", (1536, 1536), [
            "blocks.0.self_attn.q", "base_model.model.blocks.0.self_attn.q",
        ]),
    ],
)  # fmt: skip
def test_a_layer_is_found_by_its_other_names(
    layers: ModelLayers, own: str, shape: tuple[int, int], spellings: list[str]
) -> None:
    for spelling in spellings:
        assert copied(spell(spelling, shape), layers) == [own]
    assert copied(spell(own, shape), layers) is None


def test_the_other_parts_of_a_change_go_along_and_what_is_not_known_stays() -> None:
    layer = "base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    rest: Shapes = {f"{layer}.alpha": [], f"{layer}.dora_scale": [32, 1], "some.words": [1]}
    plan = plan_copy(header({**spell(layer, (32, 32)), **rest}), SD1)
    assert plan
    own = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q"
    assert [tensor.name for tensor in plan] == [
        f"{own}.lora_down.weight", f"{own}.lora_up.weight", f"{own}.alpha", f"{own}.dora_scale", "some.words",
    ]  # fmt: skip
    assert [tensor.source for tensor in plan][2:] == [*rest]


@pytest.mark.parametrize(
    "shapes",
    [
        spell("base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", (320, 320)),
        spell("base_model.model.blocks.0.attn", (32, 32)),
        spell("lora_unet_time_embed_0", (128, 32)),
        {"some.words": [1]},
        {},
    ],
)
def test_there_is_no_copy_of_what_fits_nothing_or_that_no_spelling_reaches(shapes: Shapes) -> None:
    assert plan_copy(header(shapes), SD1) is None
    assert not any(change.layer for change in find_changes(header(shapes), SD1))


@pytest.mark.parametrize(
    ("layers", "spelling", "shape"),
    [
        (SD1, "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_out_0", (128, 128)),
        (SD1, "lora_te_text_model_encoder_layers_3_self_attn_out_proj", (768, 768)),
        (FLUX, "lora_unet_single_blocks_0_modulation_lin", (384, 128)),
        (FLUX, "lora_te1_text_model_encoder_layers_3_mlp_fc1", (3072, 768)),
        (FLUX, "transformer.transformer_blocks.0.ff_context.net.2", (128, 512)),
        (WAN, "lora_unet_blocks_0_cross_attn_k", (1536, 1536)),
        (WAN, "diffusion_model.blocks.0.ffn.0", (8960, 1536)),
        (QWEN, "transformer_blocks.0.attn.add_q_proj", (3072, 3072)),
    ],
)
def test_what_the_engine_reads_by_itself_is_not_copied(
    layers: ModelLayers, spelling: str, shape: tuple[int, int]
) -> None:
    assert plan_copy(header(spell(spelling, shape)), layers) is None
    assert all(change.layer for change in find_changes(header(spell(spelling, shape)), layers))


def test_without_the_headers_of_a_model_nothing_is_renamed() -> None:
    assert plan_copy(header(spell("base_model.model.a", (4, 4))), ModelLayers.of([])) is None


def test_two_spellings_of_one_tensor_stay_two() -> None:
    layer = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    both = {**spell(f"base_model.model.{layer}", (32, 32)), **spell(f"unet.{layer}", (32, 32))}
    plan = plan_copy(header(both), SD1)
    assert plan
    assert len({tensor.name for tensor in plan}) == len(plan) == 4


def test_gaps_are_filled_with_nothing_only_in_layers_that_are_changed() -> None:
    change = spell("transformer.single_transformer_blocks.0.attn.to_v", (128, 128))
    plan = plan_copy(header(change), FLUX)
    assert plan
    added = {tensor.name: tensor.shape for tensor in plan if tensor.source is None}
    blocks = "diffusion_model.single_transformer_blocks.0"
    assert added == {
        f"{blocks}.attn.to_q.lora_down.weight": (1, 128), f"{blocks}.attn.to_q.lora_up.weight": (128, 1),
        f"{blocks}.attn.to_k.lora_down.weight": (1, 128), f"{blocks}.attn.to_k.lora_up.weight": (128, 1),
        f"{blocks}.proj_mlp.lora_down.weight": (1, 128), f"{blocks}.proj_mlp.lora_up.weight": (512, 1),
    }  # fmt: skip
    loha = {
        f"transformer.transformer_blocks.0.attn.to_q.{part}": [4, 4] for part in ("hada_w1_a", "hada_w1_b")
    }
    assert plan_copy(header(loha), FLUX) is None


def test_names_of_llama_cpp_and_open_clip_are_those_of_transformers_to_a_lora() -> None:
    llm = ModelLayers.of([("llm", header({"blk.5.attn_q.weight": [8, 4], "blk.5.ffn_up.weight": [8, 4]}))])
    (found,) = llm.find("text_encoder.model.layers.5.self_attn.q_proj")
    assert (found.name, found.shape) == ("text_encoders.llm.model.layers.5.self_attn.q_proj", (8, 4))
    t5 = ModelLayers.of([("t5xxl", header({"enc.blk.5.ffn_down.weight": [8, 4]}))])
    (found,) = t5.find("lora_te3_encoder_block_5_layer_1_DenseReluDense_wo")
    assert found.network == "t5xxl"
    open_clip = "conditioner.embedders.1.model."
    sdxl = {
        "model.diffusion_model.input_blocks.0.0.weight": [4, 4, 3, 3],
        "model.diffusion_model.label_emb.0.0.weight": [4, 4],
        f"{open_clip}token_embedding.weight": [9, 1280],
        f"{open_clip}transformer.resblocks.7.attn.in_proj_weight": [3840, 1280],
        f"{open_clip}transformer.resblocks.7.mlp.c_fc.weight": [5120, 1280],
    }
    layers = ModelLayers.of([("model", header(sdxl))])
    (found,) = layers.find("lora_te2_text_model_encoder_layers_7_mlp_fc1")
    assert found.name == "cond_stage_model.1.transformer.text_model.encoder.layers.7.mlp.fc1"
    (found,) = layers.find("text_encoder_2.text_model.encoder.layers.7.self_attn.v_proj")
    assert (found.shape, found.at) == ((1280, 1280), 2)


def test_for_the_second_model_of_a_pair_only_one_spelling_will_do() -> None:
    own = "diffusion_model.blocks.0.self_attn.q"
    for spelling in ("lora_unet_blocks_0_self_attn_q", f"model.{own}", "blocks.0.self_attn.q"):
        plan = plan_copy(header(spell(spelling, (1536, 1536))), WAN, high_noise=True)
        assert plan
        assert [tensor.name for tensor in plan] == [f"{own}.lora_down.weight", f"{own}.lora_up.weight"]
    assert plan_copy(header(spell(own, (1536, 1536))), WAN, high_noise=True) is None
