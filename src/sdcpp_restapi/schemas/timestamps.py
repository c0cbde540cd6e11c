"""Moments: how the API writes them, and how clients may."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer


def utc_text(moment: datetime) -> str:
    """A moment to the millisecond: 2024-01-01T12:00:00.000Z."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def utc_second(moment: datetime) -> str:
    """The second in which a moment lies, as the API document writes it for jobs: 2024-01-01T12:00:00Z."""
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _no_number(value: object) -> object:
    # Pydantic reads numbers as seconds or as milliseconds since 1970, whichever looks more likely.
    if isinstance(value, datetime) or (isinstance(value, str) and not value.strip().isdecimal()):
        return value
    raise ValueError("an ISO 8601 text with a time zone is required, such as '2024-01-01T12:00:00Z'")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is outside of the years 1 to 9999") from None


Moment = Annotated[datetime, PlainSerializer(utc_text, when_used="json")]
WholeSecond = Annotated[datetime, PlainSerializer(utc_second, when_used="json")]

# In a request: any time zone comes in, UTC goes out.
WantedMoment = Annotated[
    AwareDatetime, BeforeValidator(_no_number), AfterValidator(_in_utc), PlainSerializer(utc_text)
]
