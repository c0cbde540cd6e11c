"""The model of a graph: its loaders, its LoRAs, and how its text encoders are used."""

from dataclasses import replace

from .graph import Graph, Node
from .graph_request import GraphRequest, WantedModel, refuse

_LORAS = ("LoraLoader", "LoraLoaderModelOnly")
# Loader -> the input that names the file.
_MAIN = {
    "CheckpointLoaderSimple": ("ckpt_name", "checkpoint"),
    "UNETLoader": ("unet_name", "diffusion"),
}


def read_model(graph: Graph, sampler: Node, request: GraphRequest) -> set[str]:
    """The main model and the LoRAs on the way to it. Returns the ids of the nodes that name them."""
    node, _ = graph.source(sampler, "model")
    loras: list[dict[str, object]] = []
    passed: set[str] = set()
    while node.type.name in _LORAS:
        passed.add(node.id)
        strength = node.number("strength_model")
        if node.type.name == "LoraLoader" and node.number("strength_clip") != strength:
            request.warn(node, "strength_clip was ignored: strength_model acts on text encoders too")
        if strength:
            loras.insert(0, {"name": node.text("lora_name"), "weight": strength})
        node, _ = graph.source(node, "model")
    if loras:
        request.fields["loras"] = loras
    name_input, kind = _MAIN[node.type.name]
    request.model = WantedModel(node.text(name_input), kind)
    if node.text("weight_dtype", "default") != "default":
        request.warn(node, "weight_dtype was ignored: a model keeps the types of its file")
    return passed


def read_vae(graph: Graph, decoder: Node, request: GraphRequest) -> Node:
    """The VAE that decodes, if it is another one than the model's own. Returns its loader.

    Raises GraphRefused.
    """
    source, _ = graph.source(decoder, "vae")
    assert request.model is not None
    if source.type.name == "VAELoader":
        request.model = replace(request.model, vae=source.text("vae_name"))
    elif not _is_of(source, request.model):
        raise refuse(
            graph,
            decoder,
            "The VAE of another checkpoint cannot be used",
            "link it with the model's own checkpoint or with a VAELoader",
        )
    return source


def read_text_encoders(graph: Graph, encoder: Node, loras: set[str], request: GraphRequest) -> int:
    """What encodes the text of a CLIPTextEncode. Returns the clip_skip, -1 if none is set.

    `loras`: the ids of the nodes whose LoRAs the model has. Raises GraphRefused.
    """
    node, _ = graph.source(encoder, "clip")
    skip = -1
    while node.type.name in ("CLIPSetLastLayer", "LoraLoader"):
        if node.type.name == "LoraLoader" and node.id not in loras:
            request.warn(node, "it was ignored: the model of the sampler is not linked with it")
        elif node.type.name == "CLIPSetLastLayer" and skip == -1:
            skip = -node.integer("stop_at_clip_layer")
        node, _ = graph.source(node, "clip")
    assert request.model is not None
    if node.type.name != "CheckpointLoaderSimple":
        names = tuple(
            node.text(name) for name in ("clip_name", "clip_name1", "clip_name2") if name in node.inputs
        )
        if request.model.text_encoders not in ((), names):
            raise refuse(graph, encoder, "Both prompts must have the same text encoders", ", ".join(names))
        request.model = replace(request.model, text_encoders=names)
        if node.text("device", "default") != "default":
            request.warn(node, "device was ignored: keep_clip_on_cpu of POST /models/load decides")
    elif not _is_of(node, request.model):
        raise refuse(
            graph,
            encoder,
            "The text encoders of another checkpoint cannot be used",
            "link them with the model's own checkpoint, a CLIPLoader or a DualCLIPLoader",
        )
    return skip


def _is_of(loader: Node, model: WantedModel) -> bool:
    """Whether this is the loader of the model, or another one of the same file."""
    return (loader.text("ckpt_name"), "checkpoint") == (model.name, model.kind)
