"""Moments: how the API writes them, and how clients may."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer, WithJsonSchema


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


def _read_moment(value: object) -> datetime:
    text = str(value).strip()
    try:
        if text.isascii() and text.isdecimal():
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise ValueError(_FORMS) from None
    if moment.tzinfo is None:
        if len(text) > len("2024-01-01"):
            raise ValueError(f"{_FORMS}; a time needs its zone, and + is %2B in an address")
        moment = moment.replace(tzinfo=UTC)
    return _in_utc(moment)


_FORMS = (
    "a date such as 2024-01-31, a moment such as 2024-01-31T12:00:00Z, or Unix seconds such as 1706702400 is"
    " required"
)
# In a query: dates are the first moment of that day in UTC.
AskedMoment = Annotated[
    datetime, BeforeValidator(_read_moment), WithJsonSchema({"type": "string"}), PlainSerializer(utc_text)
]

Moment = Annotated[datetime, PlainSerializer(utc_text, when_used="json")]
WholeSecond = Annotated[datetime, PlainSerializer(utc_second, when_used="json")]

# In a request: any time zone comes in, UTC goes out.
WantedMoment = Annotated[
    AwareDatetime, BeforeValidator(_no_number), AfterValidator(_in_utc), PlainSerializer(utc_text)
]
