"""Another library of the engine beside the one in use: both draw the same pictures, which are compared."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
from PIL import Image

from ...config import Engine, Settings
from ...demo.model import FILES, DemoModel
from ...engine.client import EngineChild
from ...errors import LoadFailed, SdcppError
from ...schemas.engine import Command, Generate, Generated, Hello, Load, Report
from ...schemas.generation import Txt2ImgRequest
from ...schemas.models import LoadOptions, ModelFiles
from ...schemas.options import BoundedPreviewSettings
from ...schemas.pipe import Refused
from .findings import Finding, note, ok, wrong

# Each of another family: first order, ancestral, multistep, with noise of its own.
SAMPLERS = ("euler", "euler_a", "dpm++2m", "lcm")
STEPS = 4
PROMPT = "a red heart"
ADVICE = "look at pictures of your own models before you change to it"


@dataclass(frozen=True)
class Drawn:
    """What an engine made: a picture for each sampler, and the seconds that all took."""

    hello: Hello
    pictures: Sequence[Image.Image]
    seconds: float


def compare(settings: Settings, library: Path) -> Iterator[Finding]:
    """Draw with the engine in use and with `library`; what differs. Takes a few seconds."""
    other = settings.engine.model_copy(update={"library": library, "supplier": None})
    try:
        old, new = asyncio.run(_draw_with(settings.engine)), asyncio.run(_draw_with(other))
    except (SdcppError, OSError) as error:
        yield wrong("Other engine", str(error), "leave the engine as it is")
        return
    yield ok(
        "Other engine",
        f"stable-diffusion.cpp {new.hello.version} ({new.hello.commit}), {new.hello.library}:"
        f" {len(SAMPLERS)} pictures in {new.seconds:.1f} s; the one in use ({old.hello.commit}) took"
        f" {old.seconds:.1f} s",
    )
    for sampler, before, after in zip(SAMPLERS, old.pictures, new.pictures, strict=True):
        yield _compare_pictures(f"Picture by {sampler}", before, after)


def _compare_pictures(name: str, before: Image.Image, after: Image.Image) -> Finding:
    if before.size != after.size:
        return note(name, f"{before.size} pixels became {after.size}", ADVICE)
    first, second = (np.asarray(one.convert("RGB"), np.int16) for one in (before, after))
    difference = np.abs(first - second)
    if not difference.any():
        return ok(name, "the same, pixel for pixel")
    return note(
        name, f"differs by {difference.max()} of 255 at most, {difference.mean():.2f} on average", ADVICE
    )


async def _draw_with(settings: Engine) -> Drawn:
    """Raises EngineUnusable, EngineLost, LoadFailed."""
    child = await EngineChild.start(settings)
    try:
        with tempfile.TemporaryDirectory() as folder:
            main = str(FILES / DemoModel().model_name)
            files = ModelFiles(main=main, model_type="checkpoint")
            await _ask(child, Load(id=1, files=files, options=LoadOptions()), 1)
            began = monotonic()
            pictures = [
                await _draw(child, number, sampler, Path(folder))
                for number, sampler in enumerate(SAMPLERS, start=2)
            ]
            return Drawn(child.hello, pictures, monotonic() - began)
    finally:
        await child.close()


async def _draw(child: EngineChild, number: int, sampler: str, folder: Path) -> Image.Image:
    defaults = DemoModel().defaults
    params = Txt2ImgRequest(
        prompt=PROMPT,
        seed=7,
        sampler=sampler,
        width=defaults.width or 64,
        height=defaults.height or 64,
        steps=STEPS,
        cfg_scale=defaults.cfg_scale or 1.0,
    )
    command = Generate(
        id=number,
        params=params,
        prompt=PROMPT,
        negative_prompt="",
        options=LoadOptions(),
        model_name=DemoModel().model_name,
        folder=str(folder),
        preview=BoundedPreviewSettings(enabled=False),
    )
    made = await _ask(child, command, number)
    assert isinstance(made, Generated)
    with Image.open(folder / made.images[0].file) as image:
        image.load()
        return image


async def _ask(child: EngineChild, command: Command, call_id: int) -> Report:
    """The last report of a command. Raises LoadFailed in the engine's words, EngineLost."""
    async with aclosing(child.call(command, call_id)) as reports:
        *_, last = [report async for report in reports]
    if isinstance(last, Refused):
        raise LoadFailed(last.error.message)
    return last
