"""What a graph asks for, in terms of this server: read from the ends of the graph to its loaders."""

from dataclasses import dataclass, field

from .graph import Graph, Node
from .refusals import Complaint, GraphRefused, NodeComplaints


@dataclass(frozen=True)
class Scale:
    """Another size for a picture; a side of 0 follows the other one."""

    width: int
    height: int
    method: str
    cropped: bool


@dataclass(frozen=True)
class InputPicture:
    """A picture that was uploaded or made before, and what is done to it, in order."""

    name: str
    scales: tuple[Scale, ...] = ()


@dataclass(frozen=True)
class InputMask:
    """What is to be repainted: where a picture is transparent, or a colour of it is bright."""

    name: str
    channel: str
    grow_by: int = 0
    """Pixels."""


@dataclass(frozen=True)
class WantedModel:
    """A main model and the files that replace its own parts."""

    name: str
    kind: str
    vae: str | None = None
    text_encoders: tuple[str, ...] = ()


@dataclass
class GraphRequest:
    """A picture to draw, or one to enlarge if there is no `sampler`."""

    ends: tuple[Node, ...]
    sampler: Node | None = None
    fields: dict[str, object] = field(default_factory=dict)
    """Of a request of ours, but for the model and the pictures."""
    model: WantedModel | None = None
    picture: InputPicture | None = None
    mask: InputMask | None = None
    upscaler: str | None = None
    repeats: int = 0
    warnings: list[str] = field(default_factory=list)

    def warn(self, node: Node, sentence: str) -> None:
        """Tell what of a node does not act."""
        self.warnings.append(f"node {node.id} ({node.type.name}): {sentence}")


def refuse(graph: Graph, node: Node, message: str, details: str = "") -> GraphRefused:
    """A graph that is valid there and cannot be carried out here, because of this node."""
    complaint = Complaint("not_supported", message, details)
    ends = tuple(end.id for end in graph.ends)
    return GraphRefused.of_nodes([NodeComplaints(node.id, node.type.name, (complaint,), ends)])
