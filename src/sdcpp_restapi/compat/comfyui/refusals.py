"""Graphs that are refused, told as ComfyUI tells them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Complaint(NamedTuple):
    """What is wrong with a node, or with the whole graph."""

    type: str
    message: str
    details: str = ""
    extra_info: Mapping[str, Any] = {}

    def show(self) -> dict[str, Any]:
        """As ComfyUI writes it."""
        return {**self._asdict(), "extra_info": dict(self.extra_info)}


class NodeComplaints(NamedTuple):
    """What is wrong with one node, and the ends of the graph that need it."""

    node_id: str
    class_type: str
    complaints: tuple[Complaint, ...]
    ends: tuple[str, ...] = ()

    def show(self) -> dict[str, Any]:
        """As ComfyUI writes it."""
        return {
            "errors": [complaint.show() for complaint in self.complaints],
            "dependent_outputs": list(self.ends),
            "class_type": self.class_type,
        }


class GraphRefused(Exception):
    """A graph that cannot be carried out."""

    def __init__(self, complaint: Complaint, nodes: Iterable[NodeComplaints] = ()) -> None:
        super().__init__(f"{complaint.message}: {complaint.details}")
        self.complaint = complaint
        self.nodes = tuple(nodes)

    @classmethod
    def of_nodes(cls, nodes: Iterable[NodeComplaints]) -> "GraphRefused":
        """What is wrong with nodes, each of which tells it."""
        nodes = list(nodes)
        details = [
            f"{one.class_type} {one.node_id}: {complaint.message}: {complaint.details}"
            for one in nodes
            for complaint in one.complaints
        ]
        complaint = Complaint(
            "prompt_outputs_failed_validation", "Prompt outputs failed validation", "\n".join(details)
        )
        return cls(complaint, nodes)

    def show(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "error": self.complaint.show(),
            "node_errors": {one.node_id: one.show() for one in self.nodes},
        }
