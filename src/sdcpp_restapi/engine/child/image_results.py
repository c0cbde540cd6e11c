"""The images of one job: finished and written as soon as the engine has made them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from ...errors import JobFailed
from ...schemas.engine import Generate, Generated, MadeImage, Partial, Report
from ...schemas.generation import Img2ImgRequest
from ..binding import image_buffers
from . import a1111_text, image_files
from .single_colour import find_single_colour, warn_of_single_colour
from .step_counter import StepCounter
from .upscaler import Upscaler

type Repair = Callable[[Generate, Image.Image, int], tuple[Image.Image, list[str]]]


def split_command(command: Generate) -> Iterator[Generate]:
    """One command for the whole batch; one for each image where finished ones are to be kept.

    The engine returns the images of a call only when all are made. Either way the images are the same.
    """
    params = command.params
    if not params.keep_finished:
        yield command
        return
    for number in range(params.batch_count):
        single = params.model_copy(update={"seed": params.seed + number, "batch_count": 1})
        yield command.model_copy(update={"params": single})


class ImageResults:
    """The images that one job has written into its folder so far."""

    def __init__(
        self,
        *,
        command: Generate,
        upscaler: Upscaler,
        steps: StepCounter,
        report: Callable[[Report], None],
        repair: Repair,
    ) -> None:
        self._command = command
        self._upscaler = upscaler
        self._steps = steps
        self._report = report
        self._repair = repair
        self._seconds = self._write_seconds = 0.0
        self._images: list[MadeImage] = []
        self._warnings: list[str] = []
        self._more_files: list[str] = []

    def add(self, part: Generate, made: list[Any], seconds: float) -> None:
        """Finish and write what a call made of `part` in so many seconds.

        Raises JobCancelled between two tiles of an enlargement, and JobFailed.
        """
        started = time.monotonic()
        for index, struct in enumerate(made):
            # Layered models make several images per image of the batch.
            seed = part.params.seed + index * part.params.batch_count // len(made)
            self._images.append(self._finish_image(struct, index, seed))
        self._seconds += seconds
        self._write_seconds += time.monotonic() - started
        if self._command.params.keep_finished:
            self._report(Partial(id=self._command.id, made=self.build_report()))

    def add_control(self, struct: Any) -> None:
        """Write the control image as the engine is given it, once for all calls. Raises JobFailed."""
        image = image_buffers.copy_image(struct)
        if self._command.params.return_control and image is not None and not self._more_files:
            text = a1111_text.format_parameters(self._command, self._command.params.seed, image.size)
            self._more_files = [
                image_files.write_result(image, Path(self._command.folder), "control_0", text)
            ]

    def build_report(self) -> Generated:
        """What is written so far: at the end, the last report of the job."""
        return Generated(
            id=self._command.id,
            images=list(self._images),
            seconds=self._seconds,
            write_seconds=self._write_seconds,
            warnings=list(self._warnings),
            more_files=list(self._more_files),
        )

    def _finish_image(self, struct: Any, index: int, seed: int) -> MadeImage:
        command, number = self._command, len(self._images)
        params = command.params
        image = image_buffers.copy_image(struct)
        if image is None:
            raise JobFailed(f"The engine made no picture of image {number}")
        colour = find_single_colour(image)
        image, told = self._repair(command, image, seed)
        self._warnings += [text for text in told if text not in self._warnings]
        text = a1111_text.format_parameters(command, seed, image.size)
        if isinstance(params, Img2ImgRequest) and params.mask_image_base64 and params.mask_composite:
            image = image_files.composite_inpainting(image, command.images)
        if command.enlargement is not None:
            image = self._enlarge(image, index)
        folder = Path(command.folder)
        file = image_files.write_result(image, folder, f"image_{number}", text, params.output_format)
        self._warnings += warn_of_single_colour(file, colour or find_single_colour(image))
        return MadeImage(file=file, seed=seed, width=image.width, height=image.height)

    def _enlarge(self, image: Image.Image, index: int) -> Image.Image:
        assert self._command.enlargement is not None
        return self._upscaler.enlarge(
            image.convert("RGB"),
            self._command.enlargement,
            lambda tile: self._report(self._steps.count_enlarged(index, tile)),
        )
