"""How far a generation of images is, as one count of steps over everything that is done for them."""

from dataclasses import dataclass

from ...schemas.engine import Generate, Step
from ...schemas.generation import ImageRequest
from ..binding.measurements import compute_hires_steps


@dataclass
class StepCounter:
    """Counts sampling steps, steps of the second pass (hires) and tiles of an enlargement as one.

    The engine samples all images of a call before the second pass of the first one, and all of these are made
    before the first is enlarged. `total_steps` is the sum of the three for one image, so that a percentage
    never falls: the image that a step is reported for follows from the count.
    """

    command: Generate
    tiles: int
    """How many an enlargement of one image has."""
    first: int = 0
    """Number of the first image of the present call, and how many images it makes."""
    count: int = 1
    sampling: int = 0
    """Steps of the first pass of one image, and of the second: known once it began."""
    second: int = 0

    def begin_call(self, first: int, count: int) -> None:
        """A call of the engine begins that makes `count` images, of which the first is number `first`."""
        self.first, self.count = first, count

    def count_sampled(self, image: int, step: int, total: int) -> Step:
        """Report `step` of `total` of the first pass of an image of this call."""
        self.sampling = total
        self.second = count_hires_steps(self.command.params, total)
        return self._report(image * total + step)

    def count_resampled(self, image: int, step: int, total: int) -> Step:
        """Report `step` of `total` of the second pass of an image of this call."""
        self.second = total
        return self._report(self.count * self.sampling + image * total + step)

    def count_enlarged(self, image: int, tile: int) -> Step:
        """Report that `tile` tiles of an image of this call are done."""
        return self._report(self.count * (self.sampling + self.second) + image * self.tiles + tile)

    def _report(self, done: int) -> Step:
        total, images = self.sampling + self.second + self.tiles, self.command.params.batch_count
        # Layered models make more images than were asked for.
        done = min(self.first * total + done, images * total)
        image = max(done - 1, 0) // total
        return Step(
            id=self.command.id, step=done - image * total, total_steps=total, image=image, images=images
        )


def count_hires_steps(params: ImageRequest, first: int) -> int:
    """How many steps the second pass has after a first one of `first` steps."""
    if not params.hires:
        return 0
    if params.hires_custom_sigmas:
        return len(params.hires_custom_sigmas) - 1
    return compute_hires_steps(params.hires_steps or first, params.hires_strength)
