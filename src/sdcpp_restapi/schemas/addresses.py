"""Secrets inside of addresses: what is shown, logged or answered has `***` in their place."""

import re
from urllib.parse import unquote_plus

# What a secret is shown as.
HIDDEN = "***"
# Names of query parameters that hold one: API keys and tokens, and what signs an address (Amazon S3, Google
# Cloud Storage, Azure, CloudFront). A harmless parameter that is hidden costs less than a secret that is not.
_SECRET_NAME = re.compile(
    r"token|key|secret|passw|pwd|auth|credential|signature|policy|session|ticket|jwt|bearer|accessid"
    r"|(^|[-_.])(sig|sign|pass|sid|code|hmac|user(name)?)$",
    re.IGNORECASE,
)
# Also with the slashes that JSON may escape. Without the scheme, which may be long.
_ADDRESS = re.compile(r"(?P<before>:(?:\\?/){2})(?P<rest>[^\s\"'<>`]+)")
# A quote or a comma at the end belongs to the sentence around the address.
_PARAMETER = re.compile(
    r"(?P<before>[?&;#])(?P<name>[^\s\"'<>`?&;#=]+)=(?P<value>[^\s&;#]+?)(?=[\"'<>`,.)\]}]{0,3}(?:[\s&;#]|$))"
)
_ENDS_AS_HOST = re.compile(r"(^[^:]*|\]|:\d*[,.;)]?)$")
# Addresses within parameters of addresses; what lies deeper is hidden.
_DEEPEST = 3


def hide_secrets(text: str) -> str:
    """The same text; in the addresses in it, passwords, tokens and signatures are `***`."""
    return _hide(text, 0)


def has_hidden(address: str) -> bool:
    """Whether this is what hide_secrets made of an address, so that a part of it is missing."""
    return f"//{HIDDEN}" in address or f"={HIDDEN}" in address


def _hide(text: str, depth: int) -> str:
    def hide_value(found: re.Match[str]) -> str:
        value = unquote_plus(found["value"])
        if (
            _SECRET_NAME.search(unquote_plus(found["name"]))
            or depth == _DEEPEST
            or _hide(value, depth + 1) != value
        ):
            return f"{found['before']}{found['name']}={HIDDEN}"
        return found[0]

    return _PARAMETER.sub(hide_value, _ADDRESS.sub(_hide_user, text))


def _hide_user(found: re.Match[str]) -> str:
    rest = found["rest"]
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    _, user, host = authority.rpartition("@")
    if user:
        rest = f"{HIDDEN}@{host}{rest[len(authority) :]}"
    elif not _ENDS_AS_HOST.search(authority):
        # No port but the beginning of a password, in which a character ends the host.
        rest = HIDDEN
    return found["before"] + rest
