"""Moments as the API writes them: those of jobs in whole seconds, finer ones beside them."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from sdcpp_restapi.schemas.timestamps import AskedMoment, utc_second, utc_text


@pytest.mark.parametrize(
    ("moment", "second", "text"),
    [
        (datetime(2024, 1, 1, 12, tzinfo=UTC), "2024-01-01T12:00:00Z", "2024-01-01T12:00:00.000Z"),
        (
            datetime(2024, 12, 31, 23, 59, 59, 999_999, UTC),
            "2024-12-31T23:59:59Z",
            "2024-12-31T23:59:59.999Z",
        ),
        (datetime(1, 1, 1, microsecond=1500, tzinfo=UTC), "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.001Z"),
    ],
)
def test_a_moment_is_cut_off_and_never_rounded_up(moment: datetime, second: str, text: str) -> None:
    assert (utc_second(moment), utc_text(moment)) == (second, text)
    assert datetime.strptime(second, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) <= moment


@pytest.mark.parametrize(
    ("asked", "moment"),
    [
        ("2024-01-31", datetime(2024, 1, 31, tzinfo=UTC)),
        (" 2024-01-31 ", datetime(2024, 1, 31, tzinfo=UTC)),
        ("2024-01-31T12:00:00Z", datetime(2024, 1, 31, 12, tzinfo=UTC)),
        ("2024-01-31T12:00:00.5Z", datetime(2024, 1, 31, 12, 0, 0, 500_000, UTC)),
        ("2024-02-01T00:30:00+01:00", datetime(2024, 1, 31, 23, 30, tzinfo=UTC)),
        ("1706702400", datetime(2024, 1, 31, 12, tzinfo=UTC)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_query_names_a_moment_by_a_date_a_timestamp_or_unix_seconds(asked: str, moment: datetime) -> None:
    assert TypeAdapter[datetime](AskedMoment).validate_python(asked) == moment


@pytest.mark.parametrize(
    "asked",
    [
        "", "today", "2024-13-01", "2024-01-31T12:00:00", "2024-01-31T12:00:00 01:00",
        "99999999999999", "9" * 5000, "0001-01-01T00:00:00+14:00", "-5", "1.5", "\u0663",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused_with_the_forms_that_are(asked: str) -> None:
    with pytest.raises(ValidationError, match=r"2024-01-31|years 1 to 9999"):
        TypeAdapter[datetime](AskedMoment).validate_python(asked)
