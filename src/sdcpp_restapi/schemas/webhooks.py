"""Webhooks: where a request wants the states of its job told, and what became of that."""

import base64
import binascii
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from .base import Frozen, LeftOut, Request
from .timestamps import WholeSecond

WebhookEvent = Literal["processing", "completed", "failed", "cancelled"]
# How secrets begin by the convention of Standard Webhooks, and how many bytes they have.
_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)


def decode_secret(text: str) -> bytes:
    """The bytes of a secret. Raises ValueError."""
    try:
        found = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) not in _SECRET_BYTES:
        raise ValueError(f"{_PREFIX} and {_SECRET_BYTES.start} to {_SECRET_BYTES.stop - 1} bytes in base64")
    return found


def _is_decodable(secret: SecretStr) -> SecretStr:
    decode_secret(secret.get_secret_value())
    return secret


class WebhookFields(Request):
    """What every request for a job may say about who is told of it.

    None of it is a part of the stored parameters: an address often is a secret itself.
    """

    webhook_url: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        None, exclude=True, description="An http(s) address that is told of the job by POST"
    )
    webhook_events: Annotated[list[WebhookEvent], Field(min_length=1, max_length=4)] = Field(
        ["completed", "failed", "cancelled"], exclude=True, description="Of which of its states"
    )
    webhook_secret: Annotated[SecretStr, AfterValidator(_is_decodable)] | None = Field(
        None,
        exclude=True,
        description="Signs what is told: whsec_ and 24 to 64 bytes in base64, as in Standard Webhooks",
    )

    @model_validator(mode="after")
    def _is_told_somewhere(self) -> Self:
        given = self.model_fields_set & {"webhook_events", "webhook_secret"}
        if given and self.webhook_url is None:
            raise ValueError(f"webhook_url is required with {' and '.join(sorted(given))}")
        return self


class WebhookDelivery(Frozen):
    """What became of telling one state."""

    event: WebhookEvent
    state: Literal["waiting", "delivered", "failed"] = Field(
        description="failed: it was tried as often as the setting webhooks.attempts says, or may not be"
    )
    attempts: int
    next_attempt_at: WholeSecond | None = LeftOut  # while it waits
    error: str | None = LeftOut  # why the last attempt failed


class WebhookView(Frozen):
    """A job's webhook, as clients see it."""

    url: str = Field(description="Without its path, which may hold a secret")
    events: list[WebhookEvent]
    signed: bool
    deliveries: list[WebhookDelivery] = Field(description="Of the states that it has had, oldest first")
