"""How many wrong keys an address may try, by a clock that the tests move."""

import pytest

from sdcpp_restapi.access import wrong_keys
from sdcpp_restapi.access.wrong_keys import WrongKeys
from sdcpp_restapi.errors import TooManyRequests


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_past_the_bound_a_right_key_is_not_let_in_either() -> None:
    keys = WrongKeys(3, Clock())
    for _ in range(3):
        keys.judge("1.2.3.4", None)
    with pytest.raises(TooManyRequests, match=r"limits\.wrong_keys_per_minute") as wrong:
        keys.judge("1.2.3.4", None)
    assert wrong.value.retry_after == 20
    with pytest.raises(TooManyRequests):
        keys.judge("1.2.3.4", "guessed")


def test_a_key_that_was_right_before_and_other_addresses_are_let_in() -> None:
    keys = WrongKeys(1, Clock())
    keys.judge("1.2.3.4", "own")
    keys.judge("1.2.3.4", None)
    keys.judge("1.2.3.4", "own")
    keys.judge("5.6.7.8", "guessed")
    with pytest.raises(TooManyRequests):
        keys.judge("1.2.3.4", "guessed")


def test_with_time_keys_are_looked_at_again() -> None:
    clock = Clock()
    keys = WrongKeys(60, clock)
    for _ in range(60):
        keys.judge("1.2.3.4", None)
    with pytest.raises(TooManyRequests):
        keys.judge("1.2.3.4", "right")
    clock.now += 1.0
    keys.judge("1.2.3.4", "right")


def test_without_a_bound_any_number_may_come() -> None:
    keys = WrongKeys(None)
    for _ in range(10_000):
        keys.judge("1.2.3.4", None)
    keys.judge("1.2.3.4", "right")


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_keys, "MOST_CALLERS", 10)
    keys = WrongKeys(1, Clock())
    for number in range(15):
        keys.judge(str(number), "own")
    assert len(keys._known) == 10
