"""What clients of ComfyUI send."""

from typing import Any

from pydantic import Field

from ...schemas.base import Request

# Priority of a job that is to go before the others.
IN_FRONT = 1


class PromptBody(Request):
    """POST /prompt."""

    prompt: object = None
    prompt_id: str | None = Field(None, min_length=1, max_length=200)
    client_id: str | None = Field(None, max_length=200)
    front: bool = False
    extra_data: dict[str, object] = {}

    def for_job(self) -> dict[str, Any]:
        """What it says about the turn of its job."""
        turn: dict[str, Any] = {"client_id": self.client_id} if self.client_id else {}
        return {**turn, "priority": IN_FRONT} if self.front else turn

    def list_warnings(self) -> list[str]:
        """What of it does not act."""
        warnings = self.warn_of_unknown_fields()
        if self.extra_data.get("extra_pnginfo"):
            warnings.append("extra_data.extra_pnginfo was ignored: pictures do not carry the graph")
        return warnings


class QueueBody(Request):
    """POST /queue and POST /history."""

    clear: bool = False
    delete: list[str] = Field([], max_length=10_000)


class InterruptBody(Request):
    """POST /interrupt."""

    prompt_id: str | None = None


class FreeBody(Request):
    """POST /free."""

    unload_models: bool = False
    free_memory: bool = False
