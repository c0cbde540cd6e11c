"""What the user may change about language models."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from .base import Frozen, Integer, LeftOut, Request
from .chat import ProviderName

# Stands for a key that is set; coming back in an update it means "unchanged".
MASK = "***masked***"


def _checked_url(text: str) -> str:
    import httpx  # slow to import, and the children import all shapes

    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        # Without what is wrong with it, which may be a part of a password.
        reason = str(error).partition(":")[0]
        raise ValueError(f"this is not an address: {reason}") from None
    if " " in text or "%" in url.host:
        raise ValueError("this is not an address: a host name without spaces is needed")
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("an address that begins with http:// or https:// and names a server is needed")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("an address without password, query or fragment is needed; keys belong in api_key")
    return text.rstrip("/")


def _blank_is_empty(value: object) -> object:
    return value.strip(" ") and value if isinstance(value, str) else value


ProviderUrl = Annotated[str, AfterValidator(_checked_url), Field(max_length=2000)]


class ProviderUpdate(Request):
    """A partial update: what is left out, or null, stays as it is."""

    enabled: StrictBool = True
    provider: ProviderName = Field("ollama", description="`local` runs a GGUF chat model of the llm folder")
    base_url: ProviderUrl = Field(
        "http://localhost:11434", description="For `openai`, where /chat/completions begins"
    )
    endpoint: ProviderUrl | None = Field(None, description="Another name for `base_url`")
    model: str = Field("llama3.2", max_length=500, description="Empty: the first that the provider lists")
    timeout_seconds: Integer = Field(60, ge=1, le=3600, description="Until the whole answer must be there")
    max_history: Integer = Field(100, ge=0, le=100_000)
    api_key: Annotated[str, BeforeValidator(_blank_is_empty)] = Field(
        "",
        max_length=4000,
        pattern=r"^[!-~]*$",
        description="Sent as a Bearer token. Empty or blank clears it, the mask leaves it as it is",
    )


class ShownProviderSettings(Frozen):
    """The settings that all users of language models have, without the key."""

    enabled: bool
    provider: ProviderName
    base_url: str
    endpoint: str = Field(description="The same as `base_url`")
    has_api_key: bool
    model: str
    timeout_seconds: int
    max_history: int
    system_prompt: str


class LlmFailure(Frozen):
    """The answer where a language model gave none."""

    success: Literal[False] = False
    error: str
    code: str | None = LeftOut
