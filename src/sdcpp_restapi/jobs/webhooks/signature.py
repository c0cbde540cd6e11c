"""What a message of a webhook is signed with: https://www.standardwebhooks.com, version 1."""

import base64
import hashlib
import hmac

from ...schemas.webhooks import decode_secret


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature; `timestamp` in Unix seconds."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(decode_secret(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
