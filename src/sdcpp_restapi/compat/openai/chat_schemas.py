"""Chat completions and completions as OpenAI's API spells them (its API reference, client library 3.57)."""

from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat

from ...schemas.base import Frozen, Integer, LeftOut, NoBoolean, Request

Temperature = Annotated[FiniteFloat, Field(ge=0, le=2), NoBoolean]


class StreamOptions(Request):
    """What else a stream carries."""

    include_usage: bool = False


class TextBody(Request):
    """What both kinds of questions have in common; fields that are not here are told, and do nothing."""

    model: str | None = Field(None, description="Of the configured provider; not given: the configured one")
    max_tokens: Integer | None = Field(None, ge=1, le=1_000_000)
    temperature: Temperature | None = None
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    n: Integer = Field(1, ge=1, le=1, description="One answer is given")


class ChatBody(TextBody):
    """POST /v1/chat/completions."""

    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=10_000)]
    max_completion_tokens: Integer | None = Field(None, ge=1, le=1_000_000)
    tools: list[dict[str, Any]] = Field([], max_length=1000)
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None


class CompletionBody(TextBody):
    """POST /v1/completions."""

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)]


class TokenUsage(Frozen):
    """Providers do not tell: all are 0."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ChatAnswer(Frozen):
    """A whole answer, or a piece of one: what is in `choices` tells."""

    id: str
    object: Literal["chat.completion", "chat.completion.chunk", "text_completion"]
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: TokenUsage | None = LeftOut
    warnings: list[str] | None = LeftOut
