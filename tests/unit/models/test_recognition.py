import math

import pytest

from sdcpp_restapi.models import architectures
from sdcpp_restapi.models.headers.header import Header, Tensor, fold
from sdcpp_restapi.models.recognition import load_rules, lora_suits, recognise
from sdcpp_restapi.schemas.inspection import ModelFacts
from tests.support.tiny_models.files import Shapes, shapes

UNET = "model.diffusion_model."


def facts(found: Shapes, kind: str = "f16") -> ModelFacts:
    return recognise(Header("gguf", {name: Tensor(fold(shape), kind) for name, shape in found.items()}))


def told(found: ModelFacts) -> list[tuple[str, str | None, dict[str, int]]]:
    return [(one.kind, one.name, one.traits) for one in found.contains]


NETWORKS: dict[str, tuple[str, str | None, dict[str, int]]] = {
    "flux": ("diffusion", "Flux", {"text_width": 64, "guidance_width": 128}),
    "zimage": ("diffusion", "Z-Image", {"text_width": 64}),
    "sd3": ("diffusion", "SD3", {"text_width": 4096}),
    "qwen_image": ("diffusion", "Qwen-Image", {"text_width": 3584}),
    "wan": ("diffusion", "Wan", {"text_width": 4096}),
    "lingbot": ("diffusion", "LingBot Video", {"text_width": 64}),
    "clip_l": ("clip_l", "CLIP-L", {"width": 768}),
    "clip_g": ("clip_g", "CLIP-G", {"width": 1280}),
    "t5_wide": ("t5xxl", "T5", {"width": 4096, "vocabulary": 32128}),
    "umt5": ("t5xxl", "UMT5", {"width": 4096, "vocabulary": 256384}),
    "qwen3": ("llm", "Qwen3", {"width": 64, "vocabulary": 151936}),
    "qwen2_vl": ("llm", "Qwen2.5", {"width": 3584, "vocabulary": 152064}),
    "sd1_vae": ("vae", "AutoencoderKL", {"channels": 4}),
    "wan_vae": ("vae", "Wan 2.1 VAE", {"channels": 16}),
    "taesd": ("taesd", "TAESD", {"channels": 16}),
    "taehv": ("taesd", "TAEHV", {"channels": 16}),
    "controlnet": ("controlnet", "SD1.5", {}),
    "esrgan": ("esrgan", "ESRGAN", {"scale": 4}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_alone_in_its_file_is_recognised(name: str) -> None:
    found = facts(shapes(name))
    assert told(found) == [NETWORKS[name]]
    kind, network, _ = NETWORKS[name]
    assert found.architecture == (network if kind in ("diffusion", "controlnet") else None)


def test_the_header_tells_what_a_model_takes_beside_the_prompt() -> None:
    wan = shapes("wan")
    i2v = wan | {"img_emb.proj.1.weight": [1280, 1280]}
    schnell = {name: shape for name, shape in shapes("flux").items() if not name.startswith("guidance_in")}
    edit = shapes("sd1_unet") | {"input_blocks.0.0.weight": [32, 8, 3, 3]}
    traits = [
        set(one.traits)
        for found in (facts(wan), facts(wan | shapes("wan_vace")), facts(i2v), facts(schnell))
        for one in found.contains
    ]
    text = "text_width"
    assert traits == [{text}, {text, "vace_width"}, {text, "image_width"}, {text}]
    channels = [facts(unet).contains[0].traits for unet in (shapes("sd1_unet"), edit)]
    assert channels == [{"input_channels": 4}, {"input_channels": 8}]


@pytest.mark.parametrize("name", ["flux", "zimage", "sd3", "qwen_image", "wan", "lingbot"])
def test_a_diffusion_model_is_the_same_with_the_prefix_of_checkpoints(name: str) -> None:
    assert told(facts(shapes(name, UNET))) == [NETWORKS[name]]


def test_a_checkpoint_tells_all_that_it_contains_and_the_type_of_each() -> None:
    tensors = {name: Tensor(tuple(shape), "f16") for name, shape in shapes("sd1_unet", UNET).items()}
    clip = shapes("clip_l", "cond_stage_model.transformer.")
    tensors |= {name: Tensor(tuple(shape), "q8_0") for name, shape in clip.items()}
    vae = shapes("sd1_vae", "first_stage_model.")
    tensors |= {name: Tensor(tuple(shape), "f32") for name, shape in vae.items()}
    found = recognise(Header("gguf", tensors))
    assert found.architecture == "SD1.5"
    assert {one.kind: one.quantization for one in found.contains} == {
        "diffusion": "f16", "clip_l": "q8_0", "vae": "f32"
    }  # fmt: skip
    assert found.quantization == "q8_0"  # the tiny UNet is smaller than its CLIP
    assert found.parameters == sum(math.prod(tensor.shape) for tensor in tensors.values())


def test_both_text_encoders_of_sdxl_are_seen_in_either_spelling() -> None:
    unet = shapes("sdxl_unet", UNET)
    for first, second in (
        ("cond_stage_model.transformer.", "cond_stage_model.1.transformer."),
        ("conditioner.embedders.0.transformer.", "conditioner.embedders.1.transformer."),
    ):
        found = facts(unet | shapes("clip_l", first) | shapes("clip_g", second))
        assert found.architecture == "SDXL"
        assert {one.kind for one in found.contains} == {"diffusion", "clip_l", "clip_g"}


@pytest.mark.parametrize(
    ("changes", "architecture"),
    [
        ({"img_in.weight": [128, 384]}, "Flux Fill"),
        ({"img_in.weight": [128, 128]}, "Flux Control"),
        ({"distilled_guidance_layer.in_proj.weight": [128, 64]}, "Chroma"),
        ({"nerf_final_layer_conv.norm.scale": [64]}, "Chroma Radiance"),
        ({"txt_in.weight": [128, 3584]}, "LongCat-Image"),
        ({"double_stream_modulation_img.lin.weight": [128, 64]}, "Flux.2 klein"),
    ],
)
def test_relatives_of_flux_are_told_apart(changes: Shapes, architecture: str) -> None:
    assert facts(shapes("flux") | changes).architecture == architecture


@pytest.mark.parametrize(("channels", "architecture"), [(36, "Wan2.2 I2V"), (48, "Wan"), (16, "Wan")])
def test_wan_2_2_is_told_by_what_its_patches_hold(channels: int, architecture: str) -> None:
    wide = shapes("wan") | {"patch_embedding.weight": [5120 * channels, 1, 2, 2]}
    assert facts(wide).architecture == architecture


def test_every_name_in_the_rules_is_a_known_architecture() -> None:
    known = {one.name for one in architectures.load()}
    rules = load_rules()
    named = {one.name for one in rules.signatures if one.kind in ("diffusion", "controlnet") and one.name}
    assert named | rules.fits.keys() | rules.like.keys() | set(rules.like.values()) <= known
    assert {name for one in rules.loras for name in one.architectures} <= known


def lora(layer: str, inputs: int = 64, rank: int = 8, form: str = "kohya") -> ModelFacts:
    down, up = {
        "kohya": ("lora_down.weight", "lora_up.weight"),
        "peft": ("lora_A.weight", "lora_B.weight"),
        "diffusers": ("lora.down.weight", "lora.up.weight"),
    }[form]
    return facts({f"{layer}.{down}": [rank, inputs], f"{layer}.{up}": [inputs, rank]})


@pytest.mark.parametrize(
    ("layer", "inputs", "form", "architecture"),
    [
        ("lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q", 320, "kohya", "SD1.5"),
        ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", 768, "kohya", "SD1.5"),
        ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", 1024, "kohya", "SD2.x"),
        ("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k", 2048, "diffusers", "SDXL"),
        ("lora_te2_text_model_encoder_layers_0_mlp_fc1", 1280, "kohya", "SDXL"),
        ("lora_unet_double_blocks_0_img_attn_qkv", 3072, "kohya", "Flux"),
        ("transformer.single_transformer_blocks.0.attn.to_q", 3072, "peft", "Flux"),
        ("diffusion_model.double_blocks.0.img_attn.proj", 3072, "peft", "Flux"),
        ("diffusion_model.layers.0.attention.to_q", 3840, "peft", "Z-Image"),
        ("transformer_blocks.0.img_mlp.net.0.proj", 3072, "peft", "Qwen-Image"),
        ("diffusion_model.blocks.0.cross_attn.k", 5120, "peft", "Wan"),
        ("lora_unet_blocks_0_self_attn_k", 5120, "kohya", "Wan"),
        ("lora_unet_joint_blocks_0_x_block_attn_qkv", 1536, "kohya", "SD3"),
        ("diffusion_model.model.net.double_blocks.0.img_qkv", 64, "kohya", "MiniT2I"),
        ("lora_unet_some_new_layers_0", 64, "kohya", None),
    ],
)
def test_a_lora_tells_its_architecture_and_rank(
    layer: str, inputs: int, form: str, architecture: str | None
) -> None:
    found = lora(layer, inputs, 8, form)
    assert found.architecture == architecture
    network = found.network("lora")
    assert network is not None
    assert network.traits["rank"] == 8


def test_a_lora_of_a_family_suits_all_of_it_and_no_stranger() -> None:
    assert lora_suits("Flux", "Flux Fill")
    assert lora_suits("Flux", "Chroma")
    assert not lora_suits("Flux", "SD1.5")
    assert not lora_suits("SDXL", "SD1.5")


def test_an_embedding_tells_its_width() -> None:
    assert told(facts({"emb_params": [2, 768]})) == [("embedding", None, {"vectors": 2, "width": 768})]


def test_a_network_where_a_vae_belongs_is_one_whatever_its_tensors_are_called() -> None:
    assert told(facts({"first_stage_model.new.weight": [4, 4]})) == [("vae", None, {})]


def test_what_nobody_knows_is_nothing() -> None:
    found = facts({"layers.0.weight": [4, 4]})
    assert (found.architecture, found.contains, found.parameters) == (None, [], 16)


# The fewest tensors by which stable-diffusion.cpp 2bb7294 itself names these models in its log (measured).
LATER: dict[str, Shapes] = {
    "Wan2.2 S2V": {"blocks.0.cross_attn.norm_k.weight": [4], "casual_audio_encoder.weights": [4]},
    "Wan": {"blocks.0.cross_attn.norm_k.weight": [4]},
    "Qwen-Image 2.1": {"txt_in.text_norm.weight": [4]},
    "Qwen-Image": {"txt_in.text_norm.weight": [4], "transformer_blocks.0.img_mod.1.weight": [4, 4]},
    "LLaDA-Image": {"sigvq_embedder.1.weight": [4, 4]},
    "LTX-2": {"adaln_single.emb.timestep_embedder.linear_1.bias": [4]},
    "SenseNova U1.5": {"language_model.model.layers.0.self_attn.q_proj_mot_gen.weight": [4, 4]},
}


@pytest.mark.parametrize("name", LATER)
def test_models_of_a_later_revision_are_recognised_by_what_it_reads(name: str) -> None:
    assert facts(LATER[name]).architecture == name
    prefixed = {f"{UNET}{tensor}": shape for tensor, shape in LATER[name].items()}
    assert facts(prefixed).architecture == name


def test_sound_makes_another_model_of_wan() -> None:
    spoken = shapes("wan") | {"audio_injector.injector.0.q.weight": [1536, 1536]}
    assert told(facts(spoken)) == [("diffusion", "Wan2.2 S2V", {"text_width": 4096})]
