"""A graph of nodes as ComfyUI's API format has it, read and checked against the table of nodes."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .nodes import COMBO, NODE_TYPES, VALUES, InputType, NodeType
from .refusals import Complaint, GraphRefused, NodeComplaints

MOST_NODES = 500
# Choices that a complaint names; of more, how many there are.
MOST_SHOWN = 20

type Choices = Mapping[str, Sequence[str]]
"""Folder, as ComfyUI calls it -> the names of its files."""


class Link(NamedTuple):
    """An output of a node."""

    node_id: str
    slot: int


@dataclass(frozen=True)
class Node:
    """One node: its inputs have the types that the table tells. Those that were not given are left out."""

    id: str
    type: NodeType
    inputs: Mapping[str, Any]

    def text(self, name: str, default: str = "") -> str:
        """A STRING or a choice."""
        return str(self.inputs.get(name, default))

    def integer(self, name: str) -> int:
        """An INT."""
        return int(self.inputs[name])

    def number(self, name: str) -> float:
        """A FLOAT."""
        return float(self.inputs[name])

    def links(self) -> Iterator[Link]:
        """Those to the nodes that it needs."""
        return (value for value in self.inputs.values() if isinstance(value, Link))


@dataclass(frozen=True)
class Graph:
    """The nodes that its ends need, each behind those that it needs itself."""

    nodes: Mapping[str, Node]
    ends: tuple[Node, ...]
    warnings: tuple[str, ...] = ()

    def source(self, node: Node, name: str) -> tuple[Node, int]:
        """The node that an input is linked with, and which of its outputs."""
        link: Link = node.inputs[name]
        return self.nodes[link.node_id], link.slot


def read_graph(prompt: object, choices: Choices) -> Graph:
    """Raises GraphRefused."""
    raw = _read_nodes(prompt)
    ends = [node_id for node_id, (node_type, _) in raw.items() if node_type.saves]
    if not ends:
        raise GraphRefused(Complaint("prompt_no_outputs", "Prompt has no outputs"))
    order = _sort(raw, ends)
    checked = {node_id: _check_node(node_id, raw, choices) for node_id in order}
    faults = [
        NodeComplaints(node_id, raw[node_id][0].name, tuple(complaints), tuple(ends))
        for node_id, (_, complaints) in checked.items()
        if complaints
    ]
    if faults:
        raise GraphRefused.of_nodes(faults)
    nodes = {node_id: node for node_id, (node, _) in checked.items()}
    warnings = [warning for node_id in order for warning in _warn_of_unknown(node_id, *raw[node_id])]
    return Graph(nodes, tuple(nodes[end] for end in ends), tuple(warnings))


type _Raw = dict[str, tuple[NodeType, Mapping[str, object]]]


def _read_nodes(prompt: object) -> _Raw:
    if not isinstance(prompt, dict) or not prompt:
        raise GraphRefused(Complaint("no_prompt", "No prompt provided", "prompt must be an object of nodes"))
    if len(prompt) > MOST_NODES:
        raise GraphRefused(
            Complaint("invalid_prompt", "Prompt has too many nodes", f"{len(prompt)}, at most {MOST_NODES}")
        )
    raw: _Raw = {}
    for node_id, body in prompt.items():
        name = body.get("class_type") if isinstance(body, dict) else None
        inputs = body.get("inputs", {}) if isinstance(body, dict) else {}
        if not isinstance(name, str) or not isinstance(inputs, dict):
            raise GraphRefused(
                Complaint(
                    "invalid_prompt",
                    "Cannot execute because a node is missing the class_type property",
                    f"Node ID '#{node_id}'",
                )
            )
        if name not in NODE_TYPES:
            raise _refuse_unknown_node(node_id, name)
        raw[node_id] = NODE_TYPES[name], inputs
    return raw


def _refuse_unknown_node(node_id: str, name: str) -> GraphRefused:
    shown = name[:100]
    complaint = Complaint(
        "missing_node_type",
        f"Node '{shown}' is not supported by this server",
        f"Node ID '#{node_id}'; supported are {', '.join(sorted(NODE_TYPES))}",
        {"node_id": node_id, "class_type": shown},
    )
    return GraphRefused(complaint, [NodeComplaints(node_id, shown, (complaint,))])


def _read_link(value: object) -> Link | None:
    match value:
        case [str() | int() as node_id, int() as slot] if not isinstance(node_id, bool):
            return Link(str(node_id), slot)
    return None


def _list_needed(raw: _Raw, node_id: str) -> list[str]:
    node_type, inputs = raw[node_id]
    links = (_read_link(inputs.get(one.name)) for one in node_type.inputs if one.type not in VALUES)
    return [link.node_id for link in links if link is not None and link.node_id in raw]


def _sort(raw: _Raw, ends: Sequence[str]) -> list[str]:
    """What the ends need, each behind what it needs itself. Raises GraphRefused for a loop."""
    order: dict[str, None] = {}
    for end in ends:
        way: dict[str, Iterator[str]] = {end: iter(_list_needed(raw, end))}
        while way:
            node_id, needed = next(reversed(way.items()))
            following = next((one for one in needed if one not in order), None)
            if following is None:
                order[node_id] = None
                del way[node_id]
            elif following in way:
                complaint = Complaint(
                    "dependency_cycle", "Dependency cycle detected", f"Node ID '#{following}'"
                )
                faulty = NodeComplaints(following, raw[following][0].name, (complaint,), tuple(ends))
                raise GraphRefused(complaint, [faulty])
            else:
                way[following] = iter(_list_needed(raw, following))
    return list(order)


def _check_node(node_id: str, raw: _Raw, choices: Choices) -> tuple[Node, list[Complaint]]:
    node_type, inputs = raw[node_id]
    values: dict[str, object] = {}
    complaints: list[Complaint] = []
    for one in node_type.inputs:
        given = inputs.get(one.name)
        if given is None:
            if one.required:
                complaints.append(
                    Complaint(
                        "required_input_missing",
                        "Required input is missing",
                        one.name,
                        {"input_name": one.name},
                    )
                )
            continue
        try:
            values[one.name] = (
                _check_value(one, given, choices) if one.type in VALUES else _check_link(one, given, raw)
            )
        except _Faulty as faulty:
            info = {"input_name": one.name, "received_value": _shorten(given), **faulty.complaint.extra_info}
            complaints.append(faulty.complaint._replace(extra_info=info))
    return Node(node_id, node_type, values), complaints


class _Faulty(Exception):
    def __init__(self, type: str, message: str, details: str, **extra_info: object) -> None:
        super().__init__(message)
        self.complaint = Complaint(type, message, details, extra_info)


def _check_link(one: InputType, given: object, raw: _Raw) -> Link:
    link = _read_link(given)
    if link is None or link.node_id not in raw:
        raise _Faulty(
            "bad_linked_input",
            "Bad linked input, must be a length-2 list of [node_id, slot_index]",
            f"{one.name}: {_shorten(given)}",
        )
    outputs = raw[link.node_id][0].outputs
    received = outputs[link.slot] if 0 <= link.slot < len(outputs) else "nothing"
    if received != one.type:
        raise _Faulty(
            "return_type_mismatch",
            "Return type mismatch between linked nodes",
            f"{one.name}, received_type({received}) mismatch input_type({one.type})",
            received_type=received,
            linked_node=list(link),
        )
    return link


def _check_value(one: InputType, given: object, choices: Choices) -> object:
    if one.type == COMBO:
        return _check_choice(one, given, choices)
    value = _convert(one, given)
    least, most = one.options.get("min"), one.options.get("max")
    if isinstance(value, int | float):
        if isinstance(least, int | float) and value < least:
            raise _Faulty(
                "value_smaller_than_min", f"Value {value} smaller than min of {least}", f"{one.name}: {value}"
            )
        if isinstance(most, int | float) and value > most:
            raise _Faulty(
                "value_bigger_than_max", f"Value {value} bigger than max of {most}", f"{one.name}: {value}"
            )
    return value


def _convert(one: InputType, given: object) -> object:
    """To the type of the input, as generously as ComfyUI does."""
    try:
        if isinstance(given, bool | list | dict):
            raise TypeError(f"a {type(given).__name__} is none")
        if one.type == "STRING":
            text = str(given)
            text.encode()
            return text
        assert isinstance(given, int | float | str)
        if one.type == "INT":
            return int(given)
        number = float(given)
        if not math.isfinite(number):
            raise ValueError("it is not finite")
        return number
    except (TypeError, ValueError, OverflowError) as error:
        raise _Faulty(
            "invalid_input_type",
            f"Failed to convert an input value to a {one.type} value",
            f"{one.name}, {_shorten(given)}, {error}",
            exception_message=str(error),
        ) from None


def _check_choice(one: InputType, given: object, choices: Choices) -> str:
    allowed = one.choices or tuple(name for folder in one.files for name in choices.get(folder, ()))
    if isinstance(given, str) and given in allowed:
        return given
    if "input" in one.files and isinstance(given, str):
        return given  # which file that is, and whether there is one, is found out when it is read
    shown = str(list(allowed)) if len(allowed) <= MOST_SHOWN else f"(list of length {len(allowed)})"
    raise _Faulty("value_not_in_list", "Value not in list", f"{one.name}: '{_shorten(given)}' not in {shown}")


def _warn_of_unknown(node_id: str, node_type: NodeType, inputs: Mapping[str, object]) -> list[str]:
    known = {one.name for one in node_type.inputs}
    # Pages keep what their buttons show among the inputs.
    known |= {"control_after_generate", "upload"}
    return [
        f"node {node_id} ({node_type.name}): unknown input {name!r} was ignored"
        for name in inputs
        if name not in known
    ]


def _shorten(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 100 else text[:100] + "..."
