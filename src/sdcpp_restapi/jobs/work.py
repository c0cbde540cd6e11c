"""How much there is to do for a job, and how long as much took before."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from ..schemas.generation import GenerationRequest, ImageRequest, Img2ImgRequest
from ..schemas.plan import TimeEstimate
from ..schemas.video import Txt2VidRequest

# The newest jobs tell what this machine does now.
MOST_SAMPLES = 50
# Floating point numbers of equal requests are equal; this leaves room for the rounding of a sum.
SAME = 1e-6


class Sample(NamedTuple):
    """A completed job."""

    work: float
    seconds: float


def work_of(params: GenerationRequest) -> float:
    """Megapixel-steps: how often the model runs, times the size of what it runs on."""
    steps: float = params.steps
    pictures = params.batch_count if isinstance(params, ImageRequest) else 1
    if isinstance(params, Img2ImgRequest):
        steps = max(1.0, steps * params.strength)
    if isinstance(params, Txt2VidRequest):
        steps, pictures = params.all_steps, params.video_frames
    # With guidance it runs twice a step, once for the negative prompt.
    runs = steps * (2 if params.cfg_scale != 1.0 else 1)
    return params.width * params.height / 1e6 * pictures * runs


def time_for(work: float, samples: Sequence[Sample]) -> TimeEstimate:
    """An estimate from what completed jobs of the same model and type took."""
    same = [sample.seconds for sample in samples if abs(sample.work - work) <= SAME * work]
    if same:
        return TimeEstimate(
            seconds=round(median(same), 3), samples=len(same), rests_on="the median of jobs of the same size"
        )
    if not samples:
        return TimeEstimate(seconds=None, samples=0, rests_on="no completed job of this model and type")
    rate = median(sample.seconds / sample.work for sample in samples)
    return TimeEstimate(
        seconds=round(rate * work, 3),
        samples=len(samples),
        rests_on="the median speed of jobs of other sizes, per megapixel and step",
    )
