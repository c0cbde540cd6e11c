"""What the answers of other servers ask for."""

import httpx
import pytest

from sdcpp_restapi.downloads.failures import read_retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0),
        ("soon", None),
        ("1e999", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2024 99999999999:00:00 GMT", None),
    ],
)
def test_the_pause_that_is_asked_for_is_seconds_or_a_date_and_anything_else_is_none(
    text: str, seconds: float | None
) -> None:
    assert read_retry_after(httpx.Headers({"retry-after": text})) == seconds
