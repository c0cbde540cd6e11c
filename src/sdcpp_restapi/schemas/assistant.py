"""The assistant: what is asked, what it answers, what is kept of it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .actions import Action, ExecutedAction, RejectedAction
from .base import Frozen, Integer, LeftOut, Request
from .chat import ProviderName, ProviderSettings
from .llm_settings import ProviderUpdate, ShownProviderSettings


class AssistantRequest(Request):
    """POST /assistant/chat."""

    message: Annotated[str, Field(min_length=1, max_length=20_000)]
    context: dict[str, Any] = Field({}, description="What the client shows; the server adds its own state")
    execute: bool = Field(
        False, description="Let the server carry out safe actions itself and report what it did"
    )
    stream: bool = Field(False, description="Answer with server-sent events: delta, then done or error")


class AssistantAnswer(Frozen):
    """What the assistant says and proposes."""

    success: Literal[True] = True
    message: str
    actions: list[Action] = Field(description="Proposed; the client carries them out, or asks first")
    rejected_actions: list[RejectedAction] | None = LeftOut
    executed: list[ExecutedAction] | None = LeftOut  # only with `execute`
    warnings: list[str] | None = LeftOut


class Delta(Frozen):
    """A piece of the message, as it is made."""

    text: str


class ConversationMessage(Frozen):
    """One message of the conversation."""

    role: Literal["user", "assistant"]
    content: str
    timestamp: int = Field(description="Unix seconds")
    actions: list[Action] | None = LeftOut
    executed: list[ExecutedAction] | None = LeftOut


class Conversation(Frozen):
    """GET /assistant/history: oldest first."""

    messages: list[ConversationMessage]
    count: int


class AssistantStatus(Frozen):
    """GET /assistant/status."""

    enabled: bool
    connected: bool = Field(description="The provider answers")
    provider: ProviderName
    base_url: str
    model: str
    timeout_seconds: int
    history_count: int
    error: str | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="What is wrong",
    )


class AssistantSettings(ProviderSettings):
    """As they are kept."""

    timeout_seconds: int = 120
    max_history: int = 50
    system_prompt: str = ""


class AssistantUpdate(ProviderUpdate):
    """PUT /assistant/settings."""

    timeout_seconds: Integer = Field(120, ge=1, le=3600, description="Until a whole answer must be there")
    max_history: Integer = Field(50, ge=0, le=100_000, description="Messages")
    system_prompt: str = Field("", max_length=20_000, description="Told to the model besides its own rules")


class AssistantSettingsWithMask(ShownProviderSettings):
    """GET /assistant/settings."""

    api_key: str = Field(description="A mask where one is set, else empty")


class AssistantSettingsUpdated(Frozen):
    """Answer of PUT /assistant/settings."""

    success: Literal[True] = True
    settings: ShownProviderSettings
    warnings: list[str] | None = LeftOut
