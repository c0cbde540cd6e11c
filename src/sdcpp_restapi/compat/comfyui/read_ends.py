"""The ends of a graph: which picture is saved, and whether it is enlarged before."""

from .graph import Graph, Node
from .graph_request import GraphRequest, refuse
from .read_pictures import read_picture
from .read_sampler import read_sampler

# The engine's most.
MOST_REPEATS = 8


def read_request(graph: Graph) -> GraphRequest:
    """What a graph asks for. Raises GraphRefused."""
    request = GraphRequest(graph.ends, warnings=list(graph.warnings))
    first, *others = graph.ends
    source, slot = graph.source(first, "images")
    for other in others:
        if graph.source(other, "images") != (source, slot):
            raise refuse(
                graph,
                other,
                "All nodes that save must save the same picture",
                f"{first.type.name} {first.id} saves that of node {source.id}",
            )
    for end in graph.ends:
        if end.text("filename_prefix", "ComfyUI") != "ComfyUI":
            request.warn(end, "filename_prefix was ignored: files have the names that /view is told")
    source = _read_enlargements(graph, source, request)
    if source.type.name == "VAEDecode":
        read_sampler(graph, source, request)
    elif request.upscaler is None:
        raise refuse(graph, source, "Nothing is drawn", "no sampler and no upscaler is before the ends")
    else:
        request.picture = read_picture(graph, source, request)
    if request.sampler is not None and request.upscaler is not None:
        request.fields |= {
            "upscale": True,
            "upscale_repeats": request.repeats,
            "upscale_auto_unload": False,
        }
    return request


def _read_enlargements(graph: Graph, node: Node, request: GraphRequest) -> Node:
    """The node before all that enlarges the picture."""
    while node.type.name == "ImageUpscaleWithModel":
        loader, _ = graph.source(node, "upscale_model")
        name = loader.text("model_name")
        if request.upscaler not in (None, name):
            raise refuse(graph, node, "One upscaler at most", f"{request.upscaler} and {name} are named")
        request.upscaler, request.repeats = name, request.repeats + 1
        if request.repeats > MOST_REPEATS:
            raise refuse(graph, node, f"At most {MOST_REPEATS} enlargements", f"there are {request.repeats}")
        node, _ = graph.source(node, "image")
    if node.type.name == "ImageScale" and _is_drawn(graph, node):
        raise refuse(
            graph,
            node,
            "A picture that was drawn cannot be scaled",
            "give EmptyLatentImage the size that it is to have",
        )
    return node


def _is_drawn(graph: Graph, node: Node) -> bool:
    while node.type.name in ("ImageScale", "ImageUpscaleWithModel"):
        node, _ = graph.source(node, "image")
    return node.type.name == "VAEDecode"
