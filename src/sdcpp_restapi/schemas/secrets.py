"""Secrets that others issued, as long as they like: blank is none, and what breaks a header is told."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _blank_is_none(value: object) -> object:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return None if isinstance(text, str) and not text.strip() else value


def _without_control(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and _CONTROL.search(secret.get_secret_value()):
        raise ValueError("it has a control character, such as the end of a line")
    return secret


def _ascii(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and not secret.get_secret_value().isascii():
        raise ValueError("it is sent as a header, which takes ASCII characters only")
    return secret


IssuedSecret = Annotated[SecretStr | None, AfterValidator(_without_control), BeforeValidator(_blank_is_none)]
HeaderSecret = Annotated[
    SecretStr | None,
    AfterValidator(_without_control),
    AfterValidator(_ascii),
    BeforeValidator(_blank_is_none),
]
