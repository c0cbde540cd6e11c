"""What graphs ask for, in terms of this server."""

import ctypes
from typing import Any

import pytest

from sdcpp_restapi.compat.comfyui.graph import read_graph
from sdcpp_restapi.compat.comfyui.graph_request import (
    GraphRequest,
    InputMask,
    InputPicture,
    Scale,
    WantedModel,
)
from sdcpp_restapi.compat.comfyui.names import SAMPLERS, SCHEDULERS
from sdcpp_restapi.compat.comfyui.read_ends import read_request
from sdcpp_restapi.compat.comfyui.read_sampler import cut_schedule, name_embeddings
from sdcpp_restapi.compat.comfyui.refusals import GraphRefused
from sdcpp_restapi.engine.binding import names
from tests.support.comfyui_graphs import (
    Graph,
    enlargement,
    image_to_image,
    inpainting,
    node,
    text_to_image,
)

CHOICES = {
    "checkpoints": ["sd1.gguf", "other.gguf"],
    "diffusion_models": ["flux.gguf"],
    "text_encoders": ["clip_l.gguf", "t5.gguf"],
    "vae": ["vae.gguf"],
    "loras": ["a.safetensors", "b.safetensors"],
    "upscale_models": ["esrgan.pth", "other.pth"],
}


def read(graph: Graph) -> GraphRequest:
    return read_request(read_graph(graph, CHOICES))


def refusal_of(graph: Graph) -> dict[str, Any]:
    """The answer for a graph that cannot be carried out."""
    with pytest.raises(GraphRefused) as refusal:
        read(graph)
    return refusal.value.show()


def flux() -> Graph:
    """A model in several files."""
    graph = text_to_image(model=["20", 0], positive=["24", 0], negative=["25", 0], cfg=1.0)
    del graph["4"], graph["7"]
    graph["5"] = node("EmptySD3LatentImage", width=128, height=64, batch_size=2)
    graph["6"]["inputs"]["clip"] = ["21", 0]
    graph["8"]["inputs"]["vae"] = ["22", 0]
    return {
        **graph,
        "20": node("UNETLoader", unet_name="flux.gguf", weight_dtype="default"),
        "21": node("DualCLIPLoader", clip_name1="clip_l.gguf", clip_name2="t5.gguf", type="flux"),
        "22": node("VAELoader", vae_name="vae.gguf"),
        "24": node("FluxGuidance", conditioning=["6", 0], guidance=2.5),
        "25": node("ConditioningZeroOut", conditioning=["6", 0]),
    }


def test_the_usual_graph_is_a_request() -> None:
    request = read(text_to_image())
    assert request.fields == {
        "prompt": "a cat in a garden",
        "negative_prompt": "blurry",
        "width": 64,
        "height": 64,
        "batch_count": 1,
        "steps": 3,
        "cfg_scale": 5.0,
        "sampler": "euler_a",
        "scheduler": "discrete",
        "seed": 7,
    }
    assert request.model == WantedModel("sd1.gguf", "checkpoint")
    assert request.warnings == []


def test_prompts_are_told_apart_by_their_links() -> None:
    request = read(text_to_image(positive=["7", 0], negative=["6", 0]))
    assert (request.fields["prompt"], request.fields["negative_prompt"]) == ("blurry", "a cat in a garden")


def test_a_model_may_come_in_several_files() -> None:
    request = read(flux())
    assert request.model == WantedModel("flux.gguf", "diffusion", "vae.gguf", ("clip_l.gguf", "t5.gguf"))
    assert request.fields["distilled_guidance"] == 2.5
    assert (request.fields["prompt"], request.fields["negative_prompt"]) == ("a cat in a garden", "")
    assert request.fields["batch_count"] == 2
    assert request.warnings == []


def test_zeros_in_place_of_a_prompt_are_told_where_they_matter() -> None:
    graph = flux()
    graph["3"]["inputs"]["cfg"] = 4.0
    assert read(graph).warnings == [
        "node 25 (ConditioningZeroOut): an empty negative prompt took the place of its zeros"
    ]


def test_loras_act_in_the_order_of_their_nodes() -> None:
    graph = text_to_image(model=["11", 0])
    graph["10"] = node(
        "LoraLoader",
        model=["4", 0],
        clip=["4", 1],
        lora_name="a.safetensors",
        strength_model=0.5,
        strength_clip=0.25,
    )
    graph["11"] = node("LoraLoaderModelOnly", model=["10", 0], lora_name="b.safetensors", strength_model=-1)
    graph["6"]["inputs"]["clip"] = ["10", 1]
    request = read(graph)
    assert request.fields["loras"] == [
        {"name": "a.safetensors", "weight": 0.5},
        {"name": "b.safetensors", "weight": -1.0},
    ]
    assert request.warnings == [
        "node 10 (LoraLoader): strength_clip was ignored: strength_model acts on text encoders too"
    ]


def test_a_lora_that_only_text_encoders_have_is_told() -> None:
    graph = text_to_image()
    graph["10"] = node(
        "LoraLoader",
        model=["4", 0],
        clip=["4", 1],
        lora_name="a.safetensors",
        strength_model=1,
        strength_clip=1,
    )
    graph["6"]["inputs"]["clip"] = ["10", 1]
    request = read(graph)
    assert "loras" not in request.fields
    assert request.warnings == [
        "node 10 (LoraLoader): it was ignored: the model of the sampler is not linked with it"
    ]


def test_the_last_layer_of_clip_is_counted_from_1() -> None:
    graph = text_to_image()
    graph["10"] = node("CLIPSetLastLayer", clip=["4", 1], stop_at_clip_layer=-2)
    graph["6"]["inputs"]["clip"] = graph["7"]["inputs"]["clip"] = ["10", 0]
    assert read(graph).fields["clip_skip"] == 2
    graph["6"]["inputs"]["clip"] = ["4", 1]
    assert read(graph).warnings == [
        "node 7 (CLIPTextEncode): its CLIPSetLastLayer was ignored: that of the positive prompt acts on both"
    ]


def test_a_picture_is_drawn_on_in_as_many_steps_as_the_graph_says() -> None:
    request = read(image_to_image("cat.png", denoise=0.5, steps=10))
    assert request.picture == InputPicture("cat.png")
    assert request.fields["steps"] == 20
    assert request.fields["strength"] == cut_schedule(20, 10)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20, 50])
@pytest.mark.parametrize("denoise", [0.02, 0.1, 0.33, 0.5, 0.6, 0.87, 0.99, 1.0])
def test_the_engine_makes_the_last_steps_of_the_longer_schedule(steps: int, denoise: float) -> None:
    scheduled = max(steps, int(steps / denoise))
    strength = ctypes.c_float(cut_schedule(scheduled, steps)).value
    assert min(int(ctypes.c_float(scheduled * strength).value), scheduled - 1) + 1 == steps


def test_a_denoise_below_1_is_told_for_an_empty_latent() -> None:
    assert read(text_to_image(denoise=0.5)).warnings == [
        "node 3 (KSampler): denoise was ignored: an empty latent is sampled from the beginning"
    ]


def test_a_picture_may_be_scaled_before() -> None:
    graph = image_to_image("cat.png")
    graph["11"] = node(
        "ImageScale", image=["10", 0], upscale_method="bicubic", width=128, height=0, crop="center"
    )
    graph["5"]["inputs"]["pixels"] = ["11", 0]
    assert read(graph).picture == InputPicture("cat.png", (Scale(128, 0, "bicubic", True),))


def test_a_mask_is_the_transparent_part_or_a_colour() -> None:
    request = read(inpainting("cat.png"))
    assert request.mask == InputMask("cat.png", "alpha", 6)
    assert (request.fields["steps"], request.fields["strength"]) == (3, 1.0)
    graph = image_to_image("cat.png")
    graph["12"] = node("LoadImageMask", image="mask.png", channel="red")
    graph["13"] = node("SetLatentNoiseMask", samples=["5", 0], mask=["12", 0])
    graph["3"]["inputs"]["latent_image"] = ["13", 0]
    assert read(graph).mask == InputMask("mask.png", "red")


def advanced(**inputs: Any) -> Graph:
    graph = image_to_image("cat.png")
    usual = {**graph["3"]["inputs"], "noise_seed": 2**63 + 5, "steps": 10, "add_noise": "enable"}
    usual |= {"start_at_step": 4, "end_at_step": 10_000, "return_with_leftover_noise": "disable"}
    del usual["seed"], usual["denoise"]
    graph["3"] = node("KSamplerAdvanced", **{**usual, **inputs})
    return graph


def test_an_advanced_sampler_may_leave_out_the_first_steps() -> None:
    request = read(advanced())
    assert (request.fields["steps"], request.fields["strength"]) == (10, cut_schedule(10, 6))
    assert request.fields["seed"] == 5
    assert request.warnings == [
        f"node 3 (KSamplerAdvanced): noise_seed {2**63 + 5} is too large: 5 was taken"
    ]
    assert read(advanced(start_at_step=0)).fields["strength"] == 1.0


def test_a_picture_is_enlarged_after_it_was_drawn() -> None:
    graph = text_to_image()
    graph["10"] = node("UpscaleModelLoader", model_name="esrgan.pth")
    graph["11"] = node("ImageUpscaleWithModel", upscale_model=["10", 0], image=["8", 0])
    graph["12"] = node("ImageUpscaleWithModel", upscale_model=["10", 0], image=["11", 0])
    graph["9"]["inputs"]["images"] = ["12", 0]
    request = read(graph)
    assert request.upscaler == "esrgan.pth"
    assert (request.fields["upscale"], request.fields["upscale_repeats"]) == (True, 2)


def test_a_picture_is_enlarged_without_a_sampler() -> None:
    request = read(enlargement("cat.png", "esrgan.pth"))
    assert request.sampler is None
    assert (request.upscaler, request.repeats) == ("esrgan.pth", 1)
    assert request.picture == InputPicture("cat.png")


def test_several_ends_may_save_one_picture() -> None:
    graph = text_to_image()
    graph["10"] = node("PreviewImage", images=["8", 0])
    graph["11"] = node("SaveImage", images=["8", 0], filename_prefix="cats")
    request = read(graph)
    assert [end.id for end in request.ends] == ["9", "10", "11"]
    assert request.warnings == [
        "node 11 (SaveImage): filename_prefix was ignored: files have the names that /view is told"
    ]


def with_two_samplers() -> Graph:
    graph = text_to_image(latent_image=["13", 0])
    graph["13"] = {**graph["3"], "inputs": {**graph["3"]["inputs"], "latent_image": ["5", 0]}}
    return graph


def with_two_pictures() -> Graph:
    graph = text_to_image()
    graph["14"] = node("LoadImage", image="cat.png")
    graph["15"] = node("SaveImage", images=["14", 0], filename_prefix="ComfyUI")
    return graph


def with_foreign(slot: int) -> Graph:
    """The VAE or the text encoder of another checkpoint."""
    graph = text_to_image()
    graph["14"] = node("CheckpointLoaderSimple", ckpt_name="other.gguf")
    name, user = ("vae", "8") if slot == 2 else ("clip", "6")
    graph[user]["inputs"][name] = ["14", slot]
    return graph


def with_scaled_result() -> Graph:
    graph = text_to_image()
    graph["14"] = node(
        "ImageScale", image=["8", 0], upscale_method="area", width=32, height=32, crop="disabled"
    )
    graph["9"]["inputs"]["images"] = ["14", 0]
    return graph


def with_masked_emptiness() -> Graph:
    graph = text_to_image(latent_image=["15", 0])
    graph["14"] = node("LoadImageMask", image="mask.png", channel="red")
    graph["15"] = node("SetLatentNoiseMask", samples=["5", 0], mask=["14", 0])
    return graph


def without_drawing() -> Graph:
    return {
        "1": node("LoadImage", image="cat.png"),
        "2": node("SaveImage", images=["1", 0], filename_prefix="ComfyUI"),
    }


@pytest.mark.parametrize(
    ("graph", "node_id", "text"),
    [
        (with_two_samplers(), "13", "one sampler at most"),
        (with_two_pictures(), "15", "the same picture"),
        (with_foreign(2), "8", "VAE of another checkpoint"),
        (with_foreign(1), "6", "text encoders of another checkpoint"),
        (with_scaled_result(), "14", "cannot be scaled"),
        (with_masked_emptiness(), "5", "nothing to mask"),
        (without_drawing(), "1", "Nothing is drawn"),
        (image_to_image("cat.png", denoise=0), "3", "denoise must be above 0"),
        (advanced(add_noise="disable"), "3", "add_noise"),
        (advanced(end_at_step=5), "3", "end_at_step"),
        (advanced(start_at_step=10), "3", "start_at_step"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_its_node(graph: Graph, node_id: str, text: str) -> None:
    answer = refusal_of(graph)
    assert list(answer["node_errors"]) == [node_id]
    assert text in answer["error"]["details"]


def test_an_empty_latent_is_sampled_from_the_first_step() -> None:
    graph = advanced()
    graph["5"] = node("EmptyLatentImage", width=64, height=64, batch_size=1)
    assert "start_at_step must be 0" in refusal_of(graph)["error"]["details"]


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("a cat", "a cat"),
        ("embedding:ugly, bad", "ugly, bad"),
        ("(embedding:ugly.pt:1.2) x", "(ugly:1.2) x"),
        ("embedding:neg/ugly.safetensors", "ugly"),
        ("an embedding: x", "an embedding: x"),
    ],
)
def test_embeddings_are_named_alone(prompt: str, named: str) -> None:
    assert name_embeddings(prompt) == named


def test_every_sampler_and_scheduler_of_the_engine_has_a_name() -> None:
    assert set(SAMPLERS.values()) == set(names.SAMPLERS)
    assert set(SCHEDULERS.values()) == set(names.SCHEDULERS)
