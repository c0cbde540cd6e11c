"""The sampler of a graph and what it is linked with."""

import re

from .graph import Graph, Node
from .graph_request import GraphRequest, refuse
from .names import SAMPLERS, SCHEDULERS
from .read_model import read_model, read_text_encoders, read_vae
from .read_pictures import read_latent

# Seeds there have 64 bits, the engine's have a sign.
SEEDS = 2**63
_EMBEDDING = re.compile(
    r"\bembedding:(?:[^\s,:()\[\]<>/]+/)*([^\s,:()\[\]<>/]+?)(?:\.(?:safetensors|pt|bin))?(?=[\s,:()\[\]<>]|$)",
    re.IGNORECASE,
)


def read_sampler(graph: Graph, decoder: Node, request: GraphRequest) -> None:
    """Fill in what a VAEDecode decodes. Raises GraphRefused."""
    sampler, _ = graph.source(decoder, "samples")
    if sampler.type.name not in ("KSampler", "KSamplerAdvanced"):
        raise refuse(graph, sampler, "Nothing is drawn", "no sampler is before VAEDecode")
    request.sampler = sampler
    loras = read_model(graph, sampler, request)
    vae = read_vae(graph, decoder, request)
    _read_prompts(graph, sampler, loras, request)
    read_latent(graph, sampler, request, vae)
    request.fields |= {
        "cfg_scale": sampler.number("cfg"),
        "sampler": SAMPLERS[sampler.text("sampler_name")],
        "scheduler": SCHEDULERS[sampler.text("scheduler")],
        "seed": _read_seed(sampler, request),
    }
    request.fields |= _read_steps(graph, sampler, request)


def _read_seed(sampler: Node, request: GraphRequest) -> int:
    name = "seed" if "seed" in sampler.inputs else "noise_seed"
    seed = sampler.integer(name)
    if seed >= SEEDS:
        request.warn(sampler, f"{name} {seed} is too large: {seed % SEEDS} was taken")
    return seed % SEEDS


def _read_steps(graph: Graph, sampler: Node, request: GraphRequest) -> dict[str, object]:
    steps = sampler.integer("steps")
    if sampler.type.name == "KSamplerAdvanced":
        first = _read_first_step(graph, sampler, steps)
        if not first:
            return begin_anew(steps, request.picture is not None)
        if request.picture is None:
            raise refuse(graph, sampler, "start_at_step must be 0", "an empty latent is sampled")
        # Both cut the schedule of `steps`, so that `steps - first` are left.
        return {"steps": steps, "strength": cut_schedule(steps, steps - first)}
    denoise = sampler.number("denoise")
    if request.picture is None:
        if denoise != 1:
            request.warn(sampler, "denoise was ignored: an empty latent is sampled from the beginning")
        return begin_anew(steps, False)
    if denoise == 0:
        raise refuse(graph, sampler, "denoise must be above 0", "nothing would be drawn")
    # There, `steps` are made of a schedule that is so much longer.
    scheduled = max(steps, int(steps / denoise))
    return {"steps": scheduled, "strength": cut_schedule(scheduled, steps)}


def begin_anew(steps: int, on_picture: bool) -> dict[str, object]:
    """All steps of a schedule."""
    return {"steps": steps, "strength": 1.0} if on_picture else {"steps": steps}


def cut_schedule(scheduled: int, wanted: int) -> float:
    """The strength with which the engine makes the last `wanted` of `scheduled` steps.

    It makes int(scheduled * strength) + 1 of them, in single precision, and never more than there are
    (engine/binding/measurements.py): half a step keeps away from the edges.
    """
    return 1.0 if wanted >= scheduled else (wanted - 0.5) / scheduled


def name_embeddings(prompt: str) -> str:
    """A prompt in which embeddings have their names alone: there, they are embedding:FOLDER/NAME.pt."""
    return _EMBEDDING.sub(r"\1", prompt)


def _read_first_step(graph: Graph, sampler: Node, steps: int) -> int:
    """The step that a KSamplerAdvanced begins with. Raises GraphRefused for parts of a schedule that the
    engine can't make."""
    if sampler.text("add_noise") != "enable":
        raise refuse(graph, sampler, "add_noise must be enable", "one sampler draws the whole picture")
    if sampler.integer("end_at_step") < steps:
        raise refuse(
            graph,
            sampler,
            "end_at_step must not be below steps",
            f"{sampler.integer('end_at_step')} of {steps}; one sampler draws the whole picture",
        )
    first = sampler.integer("start_at_step")
    if first >= steps:
        raise refuse(graph, sampler, "start_at_step must be below steps", f"{first} of {steps}")
    return first


def _read_prompts(graph: Graph, sampler: Node, loras: set[str], request: GraphRequest) -> None:
    skips = {}
    for name, field in (("positive", "prompt"), ("negative", "negative_prompt")):
        node, _ = graph.source(sampler, name)
        zeroed: Node | None = None
        while node.type.name in ("FluxGuidance", "ConditioningZeroOut"):
            if node.type.name == "ConditioningZeroOut":
                zeroed = node
            elif name == "positive" and "distilled_guidance" not in request.fields:
                request.fields["distilled_guidance"] = node.number("guidance")
            elif name == "negative":
                request.warn(node, "guidance was ignored: that of the positive prompt acts on both")
            node, _ = graph.source(node, "conditioning")
        skips[name] = read_text_encoders(graph, node, loras, request)
        request.fields[field] = "" if zeroed else name_embeddings(node.text("text"))
        if zeroed and (name == "positive" or sampler.number("cfg") != 1):
            request.warn(zeroed, f"an empty {name} prompt took the place of its zeros")
    if skips["negative"] not in (-1, skips["positive"]):
        negative, _ = graph.source(sampler, "negative")
        request.warn(negative, "its CLIPSetLastLayer was ignored: that of the positive prompt acts on both")
    if skips["positive"] != -1:
        request.fields["clip_skip"] = skips["positive"]
