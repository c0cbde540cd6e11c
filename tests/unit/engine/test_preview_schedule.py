"""Which steps get a preview."""

import pytest

from sdcpp_restapi.engine.child.preview_schedule import PreviewSchedule
from sdcpp_restapi.schemas.options import BoundedPreviewSettings


class Sampling:
    """Jobs whose steps take `step` seconds, and `preview` seconds more with a preview."""

    def __init__(self, step: float, preview: float) -> None:
        self.schedule = PreviewSchedule()
        self.step, self.preview = step, preview
        self.now = self.seconds = 0.0
        self.spent = 0.0
        self.intervals: list[int] = []

    def run(self, steps: int, *, share: float = 0.1, interval: int = 1, mode: str = "tae") -> list[int]:
        """One job; the steps that had a preview."""
        settings = BoundedPreviewSettings(mode=mode, interval=interval, share=share)
        self.schedule.begin_job(settings, mode, steps)
        self.schedule.begin_image(self.now)
        shown = []
        for step in range(1, steps + 1):
            due = self.schedule.is_due(self.now)
            took = self.step
            if due:
                took += self.preview if self.schedule.mode == mode else 0.0
                self.schedule.note_computed()
                self.intervals.append(self.schedule.show(step, self.now + took))
                self.spent += took - self.step
                shown.append(step)
            self.now += took
            self.seconds += took
            self.schedule.end_step(step, self.now)
        return shown


@pytest.mark.parametrize("preview", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("share", [0.1, 0.25])
def test_previews_take_no_more_than_their_share(preview: float, share: float) -> None:
    sampling = Sampling(step=1.0, preview=preview)
    assert sampling.run(1000, share=share)
    before_the_last = sampling.spent - preview
    assert share * 0.7 < before_the_last / sampling.seconds <= share


def test_the_interval_tells_how_far_it_was_stretched() -> None:
    sampling = Sampling(step=1.0, preview=1.0)
    assert sampling.run(30) == [2, 11, 20, 29]
    assert sampling.intervals == [2, 9, 9, 9]


def test_short_jobs_keep_the_share_together() -> None:
    sampling = Sampling(step=1.0, preview=4.0)
    jobs = [sampling.run(20) for _ in range(40)]
    assert any(jobs)
    assert sampling.spent / sampling.seconds <= 0.11


def test_a_job_without_time_for_a_preview_gets_projections() -> None:
    sampling = Sampling(step=1.0, preview=10.0)
    assert sampling.run(5) == [2]
    assert sampling.schedule.mode == "tae"
    assert sampling.run(5) == [1, 2, 3, 4, 5]
    assert sampling.schedule.mode == "proj"


def test_a_long_job_after_a_dear_preview_waits_for_its_turn() -> None:
    sampling = Sampling(step=1.0, preview=10.0)
    sampling.run(5)
    (first, *_) = sampling.run(200)
    assert sampling.schedule.mode == "tae"
    assert first > 80


@pytest.mark.parametrize(("mode", "share"), [("tae", 0.0), ("proj", 0.1)])
def test_where_nothing_is_bounded_every_step_has_a_preview(mode: str, share: float) -> None:
    assert Sampling(step=1.0, preview=5.0).run(6, mode=mode, share=share) == [1, 2, 3, 4, 5, 6]


def test_an_interval_names_the_steps() -> None:
    assert Sampling(step=1.0, preview=0.0).run(10, share=0.0, interval=3) == [3, 6, 9]


def test_previews_are_five_a_second_at_most() -> None:
    shown = Sampling(step=0.0625, preview=0.0).run(100, share=0.0)
    assert shown == list(range(1, 101, 4))


def test_every_image_of_a_batch_has_previews() -> None:
    sampling = Sampling(step=1.0, preview=0.0)
    sampling.run(3, share=0.0)
    sampling.schedule.begin_image(sampling.now)
    assert sampling.schedule.is_due(sampling.now)
    assert sampling.schedule.show(1, sampling.now) == 1
