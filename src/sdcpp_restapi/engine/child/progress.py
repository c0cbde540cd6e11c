"""How far a generation of images is, as one count of steps over everything that is done for them."""

from dataclasses import dataclass

from ...schemas.engine import Generate, Step
from ...schemas.generation import ImageRequest


@dataclass
class StepCounter:
    """Each image is sampled, then sampled again by a second pass (hires), then enlarged tile by tile.

    The engine does each of it for all images of a call before the next. `total_steps` is all of it for one
    image, so that a percentage never falls; which image a step is told to be of is a matter of counting then.
    """

    command: Generate
    tiles: int
    """How many an enlargement of one image has."""
    first: int = 0
    """The first image of the present call, and how many it makes."""
    count: int = 1
    sampling: int = 0
    second: int = 0

    def sampled(self, image: int, step: int, total: int) -> Step:
        """`step` of `total` of the first pass of an image of this call."""
        self.sampling = total
        self.second = second_steps(self.command.params, total)
        return self._at(image * total + step)

    def resampled(self, image: int, step: int, total: int) -> Step:
        """The same of the second pass."""
        self.second = total
        return self._at(self.count * self.sampling + image * total + step)

    def enlarged(self, image: int, tile: int) -> Step:
        """`tile` tiles of an image of this call are done."""
        return self._at(self.count * (self.sampling + self.second) + image * self.tiles + tile)

    def _at(self, done: int) -> Step:
        total, images = self.sampling + self.second + self.tiles, self.command.params.batch_count
        # Layered models make more pictures than images were asked for.
        done = min(self.first * total + done, images * total)
        image = max(done - 1, 0) // total
        return Step(
            id=self.command.id, step=done - image * total, total_steps=total, image=image, images=images
        )


def second_steps(params: ImageRequest, first: int) -> int:
    """How many steps the second pass has after a first one of so many, as the engine reckons."""
    if not params.hires:
        return 0
    if params.hires_custom_sigmas:
        return len(params.hires_custom_sigmas) - 1
    # The schedule is longer than what is asked for, and cut by the strength (read off 487de75).
    scheduled = int((params.hires_steps or first) / params.hires_strength)
    return min(int(scheduled * params.hires_strength), scheduled - 1) + 1
