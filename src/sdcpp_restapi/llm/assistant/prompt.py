"""The prompts of the assistant: its instructions, and a user message with the server's state."""

from typing import Any, NamedTuple

from ...schemas.chat import Message
from .actions import describe_actions
from .history import to_json

# Tried with small models: short sentences of one rule each are followed best.
ROLE = """You are the assistant of SDCPP, a server that makes images and videos with stable-diffusion.cpp.
Help the user to use it. Answer in the user's language, in one or two short sentences.
When the user wants something done, use one action. Never say that something is done: propose it.
Use only model names and job ids of the server's state. When something needed is missing, use ask_user.
For pictures write a good prompt yourself: subject, setting, light, style. Keep the user's subject.
Leave out all parameters that the user did not ask for: the server knows good ones."""

BY_TOOLS = "Use tools for actions. Questions about the state you can answer without."

BY_JSON = """Answer with a JSON object: {{"message": "what you say", "actions": []}}
"actions" is empty when there is nothing to do. The actions are:
{actions}"""


class _Example(NamedTuple):
    """A question and the answer that it should get."""

    state: dict[str, Any]
    question: str
    answer: str
    action: dict[str, Any] | None


# For models that answer in JSON: small ones imitate more than they understand.
_EXAMPLES = (
    _Example(
        {"loaded_model": "dream-v8.safetensors"}, "what is loaded?", "dream-v8.safetensors is loaded.", None
    ),
    _Example(
        {
            "loaded_model": "anime-xl.safetensors",
            "available_models": {"checkpoint": ["anime-xl.safetensors", "dream-v8.safetensors"]},
        },
        "load dream",
        "I propose to load dream-v8.",
        {"type": "load_model", "parameters": {"model_name": "dream-v8.safetensors"}},
    ),
    _Example(
        {"loaded_model": "dream-v8.safetensors"},
        "make a picture of a dog",
        "I propose a dog in a meadow.",
        {
            "type": "generate",
            "parameters": {"prompt": "a dog running over a meadow, morning light, photograph"},
        },
    ),
    _Example(
        {"newest_jobs": [{"job_id": "5e1b7c9a", "status": "processing", "prompt": "a tower"}]},
        "stop the tower",
        "I propose to cancel that job.",
        {"type": "cancel_job", "parameters": {"job_id": "5e1b7c9a"}},
    ),
)

# A small model has room for some thousand words: of longer lists only the beginning is sent.
MOST_NAMES = 20
# What a client sends about itself is cut here; the state that counts is the server's.
LONGEST_CONTEXT = 4000


def build_instructions(by_tools: bool, own: str = "") -> list[Message]:
    """What stays the same from turn to turn, so that it is read once. `own` is the user's addition."""
    rules = [ROLE, BY_TOOLS if by_tools else BY_JSON.format(actions=describe_actions()), own]
    system = Message(role="system", content="\n\n".join(rule for rule in rules if rule))
    return [system] if by_tools else [system, *_build_examples()]


def build_user_message(message: str, state: dict[str, Any], context: dict[str, Any]) -> Message:
    """The user's message together with the server's state and the client's context."""
    parts = [f"State of the server: {to_json(_shorten_state(state))}"]
    if context:
        parts.append(f"What the user sees: {to_json(context)[:LONGEST_CONTEXT]}")
    return Message(role="user", content="\n".join([*parts, f"The user says: {message}"]))


def _shorten_state(state: dict[str, Any]) -> dict[str, Any]:
    """Without what is not there, and with lists that fit."""
    models = {kind: _shorten_list(names) for kind, names in state.get("available_models", {}).items()}
    return {name: value for name, value in {**state, "available_models": models}.items() if value}


def _shorten_list(names: list[str]) -> list[str]:
    more = len(names) - MOST_NAMES
    return [*names[:MOST_NAMES], f"(and {more} more)"] if more > 0 else names


def _build_examples() -> list[Message]:
    return [
        message
        for state, question, answer, action in _EXAMPLES
        for message in (
            build_user_message(question, state, {}),
            Message(
                role="assistant",
                content=to_json({"message": answer, "actions": [action] if action else []}),
            ),
        )
    ]
