"""The environment of a child."""

import pytest

from sdcpp_restapi.pipe.child_end import choose_environment
from sdcpp_restapi.schemas.pipe import WaitPolicy


@pytest.mark.parametrize(("wait", "spins"), [("auto", "1000"), ("spin", "300000"), ("sleep", "0")])
def test_threads_wait_as_the_setting_says(wait: WaitPolicy, spins: str) -> None:
    chosen = choose_environment({}, wait)
    assert (chosen["OMP_WAIT_POLICY"], chosen["GOMP_SPINCOUNT"]) == ("passive", spins)


def test_what_the_environment_says_goes_before_a_setting_that_was_not_given() -> None:
    given = {"GOMP_SPINCOUNT": "7", "PATH": "/bin"}
    assert choose_environment(given, "auto")["GOMP_SPINCOUNT"] == "7"
    assert choose_environment(given, "sleep")["GOMP_SPINCOUNT"] == "0"
    assert choose_environment(given, "auto")["PATH"] == "/bin"
