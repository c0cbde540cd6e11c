"""Which step of which image an evaluation belongs to."""

from sdcpp_restapi.engine.child.graphs.journal_file import NO_PLACE, Place
from sdcpp_restapi.engine.child.graphs.sampled_place import SampledPlace


def test_evaluations_of_a_step_are_numbered_until_the_step_ends() -> None:
    place = SampledPlace()
    place.begin_call(0, 1)
    found = []
    for step in (1, 2):
        for _ in range(2):
            found.append(place.next_evaluation)
            place.end_evaluation()
        place.end_step(step, 3)
    assert found == [Place(0, 1, 0), Place(0, 1, 1), Place(0, 2, 0), Place(0, 2, 1)]


def test_the_images_of_a_call_follow_each_other_and_a_second_pass_has_no_place() -> None:
    place = SampledPlace()
    place.begin_call(4, 2)
    found = []
    for step in (1, 2, 1, 2, 1):
        found.append(place.next_evaluation)
        place.end_step(step, 2)
    assert found == [Place(4, 1, 0), Place(4, 2, 0), Place(5, 1, 0), Place(5, 2, 0), NO_PLACE]


def test_a_pass_that_ends_early_is_told_by_the_first_step_of_the_next() -> None:
    place = SampledPlace()
    place.begin_call(0, 2)
    for step in (1, 2, 1):
        place.end_step(step, 5)
    assert place.next_evaluation == Place(1, 2, 0)


def test_what_samplers_of_second_order_repeat_ends_no_step() -> None:
    place = SampledPlace()
    place.begin_call(0, 1)
    for step in (0, 1, 1):
        place.end_step(step, 5)
    assert place.next_evaluation == Place(0, 2, 0)


def test_a_call_that_samples_no_images_of_the_job_has_no_place() -> None:
    place = SampledPlace()
    place.begin_call(0, 1)
    place.begin_call(0, 0)
    assert place.next_evaluation == NO_PLACE
