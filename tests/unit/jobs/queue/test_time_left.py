"""The time that a running job still takes."""

import pytest

from sdcpp_restapi.jobs.queue.time_left import TimeLeft

ALL = 20


def test_nothing_is_known_before_the_second_step_of_the_first_such_job() -> None:
    left = TimeLeft(began=100.0)
    assert left.compute(ALL, 103.0) is None
    left.note_steps(1, 104.0)
    assert left.compute(ALL, 104.0) is None


def test_what_such_jobs_took_counts_down_until_there_are_steps() -> None:
    left = TimeLeft(began=100.0, expected=12.0)
    assert left.compute(ALL, 100.0) == 12.0
    assert left.compute(ALL, 105.0) == 7.0
    assert left.compute(ALL, 130.0) == 0.0


def test_its_own_steps_tell_the_rest_of_sampling() -> None:
    left = TimeLeft(began=100.0)
    left.note_steps(1, 101.0)
    left.note_steps(5, 103.0)
    assert left.compute(ALL, 103.0) == pytest.approx(15 * 0.5)
    assert left.compute(ALL, 104.0) == pytest.approx(15 * 0.5 - 1.0)


def test_what_is_expected_beyond_the_steps_is_left_for_decoding() -> None:
    left = TimeLeft(began=100.0, expected=14.0)
    left.note_steps(1, 101.0)  # half a second of it before the first step
    left.note_steps(ALL, 110.5)
    assert left.compute(ALL, 110.5) == pytest.approx(14.0 - 0.5 - ALL * 0.5)
    assert left.compute(ALL, 200.0) == 0.0


def test_a_load_before_the_first_step_takes_nothing_from_the_steps() -> None:
    left = TimeLeft(began=100.0, expected=12.0)
    left.note_steps(1, 161.0)
    left.note_steps(2, 162.0)
    assert left.compute(ALL, 162.0) == pytest.approx(18.0)


def test_an_attempt_that_goes_on_from_a_journal_counts_from_where_it_began() -> None:
    left = TimeLeft(began=100.0)
    left.note_steps(10, 101.0)
    left.note_steps(12, 103.0)
    assert left.compute(ALL, 103.0) == pytest.approx(8.0)


def test_a_job_that_begins_anew_in_the_same_attempt_is_measured_anew() -> None:
    left = TimeLeft(began=100.0)
    left.note_steps(10, 101.0)
    left.note_steps(1, 102.0)
    assert left.compute(ALL, 102.0) is None
    left.note_steps(3, 106.0)
    assert left.compute(ALL, 106.0) == pytest.approx(17 * 2.0)
