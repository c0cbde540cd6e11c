"""Pictures and masks that a graph begins with."""

from .graph import Graph, Node
from .graph_request import GraphRequest, InputMask, InputPicture, Scale, refuse


def read_picture(graph: Graph, node: Node, request: GraphRequest) -> InputPicture:
    """The picture that a chain of nodes ends with. Raises GraphRefused."""
    scales: list[Scale] = []
    while node.type.name == "ImageScale":
        scale = Scale(
            node.integer("width"),
            node.integer("height"),
            node.text("upscale_method"),
            node.text("crop") == "center",
        )
        if not scale.width and not scale.height:
            request.warn(node, "it does nothing: width and height are 0")
        else:
            scales.insert(0, scale)
        node, _ = graph.source(node, "image")
    if node.type.name != "LoadImage":
        raise refuse(graph, node, "Only a picture of LoadImage can be drawn on", f"this is {node.type.name}")
    return InputPicture(node.text("image"), tuple(scales))


def read_mask(graph: Graph, node: Node, name: str, grow_by: int = 0) -> InputMask:
    """The mask that is linked with an input."""
    source, _ = graph.source(node, name)
    channel = source.text("channel", "alpha")
    return InputMask(source.text("image"), channel, grow_by)


def read_latent(graph: Graph, sampler: Node, request: GraphRequest, vae: Node) -> None:
    """What is sampled: fills in the size of an empty latent, or the picture and mask of another one.

    `vae` is the loader of the one that decodes. Raises GraphRefused.
    """
    source, _ = graph.source(sampler, "latent_image")
    while source.type.name == "SetLatentNoiseMask":
        if request.mask is None:  # of several, the last one counts
            request.mask = read_mask(graph, source, "mask")
        source, _ = graph.source(source, "samples")
    match source.type.name:
        case "EmptyLatentImage" | "EmptySD3LatentImage":
            if request.mask is not None:
                raise refuse(graph, source, "An empty latent has nothing to mask")
            request.fields |= {
                "width": source.integer("width"),
                "height": source.integer("height"),
                "batch_count": source.integer("batch_size"),
            }
        case "VAEEncode" | "VAEEncodeForInpaint":
            pixels, _ = graph.source(source, "pixels")
            request.picture = read_picture(graph, pixels, request)
            own, _ = graph.source(source, "vae")
            if (own.type, own.inputs) != (vae.type, vae.inputs):
                request.warn(source, "its vae was ignored: the one that decodes encodes too")
            if source.type.name == "VAEEncodeForInpaint":
                mask = read_mask(graph, source, "mask", source.integer("grow_mask_by"))
                request.mask = request.mask or mask
        case _:
            raise refuse(
                graph,
                source,
                "Only an empty latent or an encoded picture can be sampled",
                f"this is {source.type.name}; one sampler at most",
            )
