"""A conversation with a language model, whoever runs it."""

from typing import Any, Literal

from pydantic import Field, SecretStr

from .base import Frozen, LeftOut

ProviderName = Literal["ollama", "local", "openai"]


class ToolCall(Frozen):
    """What the model wants done. Its arguments are the model's words: nothing has checked them."""

    name: str
    arguments: dict[str, Any]
    id: str = Field("", description="What the answer to it must repeat; empty where a provider has none")


class Message(Frozen):
    """One message. With the role `tool`, the result of the call that `tool_name` and `tool_call_id` name."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: list[ToolCall] = []
    tool_name: str | None = LeftOut
    tool_call_id: str | None = LeftOut


class Tool(Frozen):
    """Something that the model may ask for; `parameters` is the JSON schema of an object."""

    name: str
    description: str
    parameters: dict[str, Any]


class Chat(Frozen):
    """A conversation that waits for the model's answer.

    With an `answer_schema` (JSON schema) the answer's text is JSON of that shape: the provider constrains the
    model, though an answer that max_tokens cut off is still incomplete.
    """

    messages: list[Message]
    tools: list[Tool] = []
    answer_schema: dict[str, Any] | None = None
    temperature: float = 0.7
    max_tokens: int = 1024


class Answer(Frozen):
    """A whole answer: text, tool calls, or both."""

    text: str
    tool_calls: list[ToolCall] = []
    model: str = Field(description="The model that gave it")


class ProviderSettings(Frozen):
    """Which model answers, and how it is reached."""

    enabled: bool = True
    provider: ProviderName = "ollama"
    base_url: str = "http://localhost:11434"
    model: str = Field("llama3.2", description="Empty: the first that the provider lists")
    api_key: SecretStr | None = None
    timeout_seconds: int = Field(60, description="Until the whole answer must be there")
