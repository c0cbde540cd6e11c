"""Moments as the API writes them: those of jobs in whole seconds, finer ones beside them."""

from datetime import UTC, datetime

import pytest

from sdcpp_restapi.schemas.timestamps import utc_second, utc_text


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
