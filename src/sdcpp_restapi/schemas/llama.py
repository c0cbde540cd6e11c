"""The messages between the server and the child that runs a chat model: see schemas/pipe.py for the rest."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from .base import LATE, Frozen
from .chat import Chat
from .pipe import Cancel, Log, Refused, Shutdown, Unusable


class Complete(Frozen):
    """Give the assistant's next message."""

    kind: Literal["complete"] = "complete"
    id: int
    chat: Chat


class Ready(Frozen):
    """First report: the model is in memory."""

    kind: Literal["ready"] = "ready"
    description: str = Field(description="As llama.cpp names it, e.g. 'qwen3 4B Q8_0'")
    context: int = Field(description="Tokens of the longest conversation, with its answer")
    seconds: float


class Piece(Frozen):
    """The next characters of the answer."""

    kind: Literal["piece"] = "piece"
    id: int
    text: str


class Completed(Frozen):
    """The whole answer."""

    kind: Literal["completed"] = "completed"
    id: int
    text: str
    read_tokens: int = Field(description="Of the conversation; what was in memory already is not counted")
    made_tokens: int
    seconds: float


Command = Annotated[Complete | Cancel | Shutdown, Field(discriminator="kind")]
Report = Annotated[Ready | Unusable | Log | Piece | Completed | Refused, Field(discriminator="kind")]

COMMAND: TypeAdapter[Command] = TypeAdapter(Command, config=LATE)
REPORT: TypeAdapter[Report] = TypeAdapter(Report, config=LATE)
