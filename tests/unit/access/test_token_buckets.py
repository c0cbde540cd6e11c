"""Token buckets, by a clock that the tests move."""

from sdcpp_restapi.access.token_buckets import MOST_CALLERS, TokenBuckets


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_of_requests_may_come_at_once_and_then_one_each_second() -> None:
    clock = Clock()
    buckets = TokenBuckets(60, clock)
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert buckets.take("a") == 1.0
    clock.now += 1.0
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0.0


def test_each_caller_has_a_bucket_that_never_holds_more_than_a_minute() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, clock)
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 0.0]
    assert buckets.take("a") == 30.0
    assert buckets.take("b") == 0.0
    clock.now += 3600
    assert [buckets.take("a") == 0.0 for _ in range(3)] == [True, True, False]


def test_only_so_many_callers_are_remembered() -> None:
    buckets = TokenBuckets(1, Clock())
    for number in range(MOST_CALLERS + 5):
        buckets.take(str(number))
    assert len(buckets._buckets) == MOST_CALLERS


def test_to_look_takes_nothing() -> None:
    clock = Clock()
    buckets = TokenBuckets(1, clock)
    assert [buckets.look("a"), buckets.look("a"), buckets.take("a")] == [0.0, 0.0, 0.0]
    assert buckets.look("a") == 60.0
    clock.now += 60
    assert buckets.look("a") == 0.0
