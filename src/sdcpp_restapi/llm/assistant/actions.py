"""Actions: how they are offered to a language model, and how its wishes become checked ones."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from ...errors import BadRequest
from ...schemas.action_parameters import Parameters
from ...schemas.actions import PARAMETERS, Action, ActionType, RejectedAction
from ...schemas.chat import Answer, Tool
from ...schemas.model_types import MAIN_TYPES, ModelType
from ..partial_json import parse_json, read_message

# A block that a model writes when it can't call tools: ```json ... ```
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)

# Of one answer in JSON; a small model does not find an end by itself.
MOST_ACTIONS = 4
LONGEST_MESSAGE = 400
_LOADED_FROM: Mapping[str, Sequence[ModelType]] = {"load_model": MAIN_TYPES, "load_upscaler": ("esrgan",)}
_NOISE = ("title", "default", "additionalProperties")


class ProposedAction(NamedTuple):
    """An action as the model worded it."""

    type: str
    parameters: dict[str, Any]


def list_tools() -> list[Tool]:
    """All actions, for a model that calls tools."""
    return [
        Tool(name=name, description=_describe(shape), parameters=_build_schema(shape))
        for name, shape in PARAMETERS.items()
    ]


def build_answer_schema(available: Mapping[str, list[str]]) -> dict[str, Any]:
    """The shape of an answer of a model that can't: what it says, and the actions.

    `available`: names of models by type. It is held to those, where there are some.
    """
    definitions: dict[str, Any] = {}
    variants = []
    for name, shape in PARAMETERS.items():
        schema = dict(_build_schema(shape))
        definitions |= schema.pop("$defs", {})
        if names := [model for group in _LOADED_FROM.get(name, ()) for model in available.get(group, ())]:
            schema["properties"] = {**schema["properties"], "model_name": {"enum": names}}
        properties = {"type": {"const": name}, "parameters": schema}
        variants.append({"type": "object", "properties": properties, "required": ["type", "parameters"]})
    actions = {"type": "array", "items": {"anyOf": variants}, "maxItems": MOST_ACTIONS}
    return {
        "type": "object",
        "properties": {"message": {"type": "string", "maxLength": LONGEST_MESSAGE}, "actions": actions},
        "required": ["message", "actions"],
        "$defs": definitions,
    }


@cache
def _build_schema(shape: type[Parameters]) -> dict[str, Any]:
    lean: dict[str, Any] = _simplify(shape.model_json_schema())
    del lean["description"]  # the action's own, told beside it
    return lean


def _simplify(node: Any) -> Any:
    """A schema without what costs a small model attention: titles, defaults, null, and fields at will."""
    if isinstance(node, list):
        return [_simplify(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    others = [inner for inner in node.get("anyOf", ()) if inner != {"type": "null"}]
    if len(others) == 1:
        node = {**node, **others[0], "anyOf": None}
    return {
        name: _simplify(inner) for name, inner in node.items() if name not in _NOISE and inner is not None
    }


def _describe(shape: type[Parameters]) -> str:
    return (shape.__doc__ or "").strip()


def describe_actions() -> str:
    """All actions in a line each, for the prompt of a model that can't call tools."""
    return "\n".join(
        f"- {name}({', '.join(shape.model_fields)}): {_describe(shape)}" for name, shape in PARAMETERS.items()
    )


def read_proposals(answer: Answer) -> tuple[str, list[ProposedAction]]:
    """What an answer says, and the actions in it: tool calls, a JSON answer, or a fenced block of JSON."""
    called = [ProposedAction(call.name, call.arguments) for call in answer.tool_calls]
    whole = parse_json(answer.text)
    if isinstance(whole, dict | list):
        message = whole.get("message") if isinstance(whole, dict) else None
        proposed = called + _read_proposals(whole)
        if isinstance(message, str):
            return message, proposed
        # JSON of another shape than was asked for: with actions it says nothing, else it is what it says.
        return "" if proposed else answer.text.strip(), proposed
    # An answer that was cut off: half an action is none.
    if (message := read_message(answer.text)) is not None:
        return message, called
    text = answer.text
    for block in _FENCED.finditer(answer.text):
        if proposals := _read_proposals(parse_json(block[1])):
            called += proposals
            text = text.replace(block[0], "")
    return text.strip(), called


def check_proposals(proposals: list[ProposedAction]) -> tuple[list[Action], list[RejectedAction]]:
    """Those that make sense, and those that don't, with the reason."""
    actions: list[Action] = []
    rejected: list[RejectedAction] = []
    for proposal in proposals:
        try:
            action = _check_proposal(proposal)
        except ValidationError as error:
            rejected.append(_reject(proposal, _describe_errors(error)))
        except BadRequest as error:
            rejected.append(_reject(proposal, str(error)))
        else:
            # A small model likes to repeat itself.
            if action not in actions:
                actions.append(action)
    return actions, rejected


def _check_proposal(proposal: ProposedAction) -> Action:
    """Raises ValidationError or BadRequest."""
    shape = PARAMETERS.get(proposal.type)  # type: ignore[call-overload]
    if shape is None:
        raise BadRequest("there is no such action")
    parameters = shape.model_validate(proposal.parameters)
    request = parameters.request()
    if request is not None and (unknown := request.unknown_fields()):
        raise BadRequest(f"there is no parameter {unknown[0]!r}")
    kind: ActionType = proposal.type  # type: ignore[assignment]
    return Action(type=kind, parameters=parameters.model_dump(mode="json"))


def _reject(proposal: ProposedAction, reason: str) -> RejectedAction:
    return RejectedAction(type=proposal.type, parameters=proposal.parameters, reason=reason)


def _describe_errors(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}" for detail in error.errors()
    )


def _read_proposals(value: object) -> list[ProposedAction]:
    """The actions in JSON: one, several, or below the name that they have in an answer."""
    if isinstance(value, dict) and "type" not in value:
        value = value.get("actions")
    entries = value if isinstance(value, list) else [value]
    return [
        ProposedAction(str(entry["type"]), parameters if isinstance(parameters, dict) else {})
        for entry in entries
        if isinstance(entry, dict) and "type" in entry
        for parameters in [entry.get("parameters", {})]
    ]
