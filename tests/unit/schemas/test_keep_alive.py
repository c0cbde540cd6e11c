"""How long a model stays: seconds and durations."""

import pytest
from pydantic import TypeAdapter, ValidationError

from sdcpp_restapi.schemas.keep_alive import MOST_SECONDS, KeepAlive
from sdcpp_restapi.schemas.models import LoadRequest

ADAPTER = TypeAdapter[float](KeepAlive)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (0, 0), (2.5, 2.5), ("0", 0), ("300", 300), ("10m", 600), ("1h30m", 5400), ("1.5s", 1.5),
        (" 250ms ", 0.25), (-1, -1), (-60, -1), ("-1", -1), ("-5m", -1),
    ],
)  # fmt: skip
def test_seconds_and_durations_are_read_and_what_is_below_0_is_never(given: object, seconds: float) -> None:
    assert ADAPTER.validate_python(given) == seconds


@pytest.mark.parametrize(
    "given", ["", "soon", "5 m", "m", "1d", "--1", "1e3", "nan", float("nan"), True, [1]]
)
def test_what_is_no_duration_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(given)


@pytest.mark.parametrize("given", [MOST_SECONDS + 1, "9" * 20, "9999999h", 10**400])
def test_more_than_ten_years_are_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(given)


def test_a_model_is_the_same_however_long_it_is_to_stay() -> None:
    short = LoadRequest.model_validate({"model_name": "a.gguf", "keep_alive": "10m"})
    ever = LoadRequest(model_name="a.gguf")
    assert short.same_model(ever)
    assert short.keep_alive == 600
    assert "keep_alive" not in ever.model_dump_json()
