"""Graphs in ComfyUI's API format, as its own templates have them."""

from typing import Any

Graph = dict[str, dict[str, Any]]


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    """One node."""
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": class_type}}


def text_to_image(checkpoint: str = "sd1.gguf", **sampler: Any) -> Graph:
    """The usual graph, with the ids of ComfyUI's default workflow; `sampler`: inputs of the KSampler."""
    inputs = {
        "seed": 7, "steps": 3, "cfg": 5.0, "sampler_name": "euler_ancestral", "scheduler": "normal",
        "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
        "latent_image": ["5", 0],
    }  # fmt: skip
    return {
        "3": node("KSampler", **{**inputs, **sampler}),
        "4": node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "5": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "6": node("CLIPTextEncode", text="a cat in a garden", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="blurry", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }


def image_to_image(image: str, denoise: float = 0.6, **sampler: Any) -> Graph:
    """A picture is drawn on."""
    graph = text_to_image(denoise=denoise, **sampler)
    graph["10"] = node("LoadImage", image=image)
    graph["5"] = node("VAEEncode", pixels=["10", 0], vae=["4", 2])
    return graph


def inpainting(image: str, grow_mask_by: int = 6, **sampler: Any) -> Graph:
    """The transparent part of a picture is drawn anew."""
    graph = image_to_image(image, 1.0, **sampler)
    graph["5"] = node(
        "VAEEncodeForInpaint", pixels=["10", 0], vae=["4", 2], mask=["10", 1], grow_mask_by=grow_mask_by
    )
    return graph


def enlargement(image: str, upscaler: str) -> Graph:
    """A picture is put through an upscaler."""
    return {
        "1": node("LoadImage", image=image),
        "2": node("UpscaleModelLoader", model_name=upscaler),
        "3": node("ImageUpscaleWithModel", upscale_model=["2", 0], image=["1", 0]),
        "4": node("SaveImage", filename_prefix="ComfyUI", images=["3", 0]),
    }
