"""How much there is to do for a job, and how long as much took before."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from ...schemas.generation import GenerationRequest, ImageRequest, Img2ImgRequest
from ...schemas.plan import TimeEstimate
from ...schemas.video import Txt2VidRequest

# The newest jobs tell what this machine does now.
MOST_SAMPLES = 50
# Floating point numbers of equal requests are equal; this leaves room for the rounding of a sum.
SAME = 1e-6


class Sample(NamedTuple):
    """A completed job."""

    work: float
    seconds: float


def estimate_work(params: GenerationRequest) -> float:
    """Megapixel-steps: how often the model runs, times the size of what it runs on."""
    megapixel_steps = params.width * params.height / 1e6 * _count_steps(params)
    if isinstance(params, ImageRequest) and params.hires:
        width, height = params.made_size
        second = (params.hires_steps or params.steps) * params.hires_strength
        megapixel_steps += width * height / 1e6 * max(1.0, second)
    pictures = params.batch_count if isinstance(params, ImageRequest) else 1
    # With guidance it runs twice a step, once for the negative prompt.
    return megapixel_steps * pictures * (2 if params.cfg_scale != 1.0 else 1)


def _count_steps(params: GenerationRequest) -> float:
    """Of one picture, or of all frames of a video together."""
    if isinstance(params, Txt2VidRequest):
        return params.all_steps * params.video_frames
    return max(1.0, params.steps * params.strength) if isinstance(params, Img2ImgRequest) else params.steps


def estimate_time(work: float, samples: Sequence[Sample]) -> TimeEstimate:
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
