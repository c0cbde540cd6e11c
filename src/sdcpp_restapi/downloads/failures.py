"""Failures of downloads and look-ups, with messages for the client; a docstring is the default message."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ..errors import BadRequest, NotFound, SdcppError

if TYPE_CHECKING:
    import httpx  # slow to import, and few servers download


class UpstreamFailed(BadRequest):
    """The other server did not give what was asked for"""


class UpstreamMissing(NotFound):
    """The other server does not have this"""


class AddressRefused(UpstreamFailed):
    """This address may not be used"""


class NotAModel(UpstreamFailed):
    """What the other server sent is not a model"""


class WrongBytes(UpstreamFailed):
    """What was downloaded is not what was published"""


class FileTaken(BadRequest):
    """A file of this name exists already"""


class NotWritten(BadRequest):
    """The file could not be written"""


class TransferInterrupted(UpstreamFailed):
    """The line broke; trying again may help"""

    def __init__(
        self, message: str | None = None, after: float | None = None, too_often: bool = False
    ) -> None:
        """`after`: seconds that the other server asks to wait (Retry-After). `too_often`: since it was asked
        more often than it wants to be."""
        super().__init__(message)
        self.after = after
        self.too_often = too_often


class UpstreamBusy(SdcppError):
    """The other server wants to be asked less often"""

    status = 429

    def __init__(self, message: str | None = None, after: float | None = None) -> None:
        """`after`: seconds that the other server asks to wait, which the client is told."""
        super().__init__(message)
        self.retry_after = math.ceil(after) if after is not None else None


@contextmanager
def telling_busy() -> Iterator[None]:
    """Where the other server was asked too often, the answer tells the client when to try again."""
    try:
        yield
    except TransferInterrupted as broken:
        if not broken.too_often:
            raise
        raise UpstreamBusy(str(broken), broken.after) from None


def host_of(url: httpx.URL) -> str:
    """Host and port, for messages: the rest of an address can hold a signature, a token or a password."""
    return url.netloc.decode("ascii", "replace").rpartition("@")[2]


def failure_of(
    status: int, host: str, headers: httpx.Headers, token_setting: str | None
) -> UpstreamFailed | UpstreamMissing:
    """The failure that a status other than success stands for."""
    advice = f"; the setting {token_setting} may be missing or wrong" if token_setting else ""
    match status:
        case 401:
            return UpstreamFailed(f"{host} wants to know who asks (401){advice}")
        case 403:
            return UpstreamFailed(
                f"{host} refuses (403): its terms may have to be accepted there first{advice}"
            )
        case 404 | 410:
            return UpstreamMissing(f"{host} does not have this file ({status})")
        case 408 | 425 | 429 | 500 | 502 | 503 | 504:
            after = read_retry_after(headers)
            reason = "is asked too often" if status == 429 else "is not able to answer"
            wait = f"; it asks to try again in {after:.0f} s" if after is not None else ""
            return TransferInterrupted(f"{host} {reason} ({status}){wait}", after, too_often=status == 429)
    return UpstreamFailed(f"{host} answered {status} instead of the file")


def read_retry_after(headers: httpx.Headers) -> float | None:
    """The seconds that an answer asks to wait."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):  # the latter for a year of many digits
        return None
