"""What the engine prints and counts becomes reports: told by its lines, without the engine."""

from pathlib import Path
from typing import Any

import pytest

from sdcpp_restapi.engine.binding.names import LOG_LEVELS
from sdcpp_restapi.engine.child.log_parser import LogParser
from sdcpp_restapi.engine.child.step_counter import StepCounter
from sdcpp_restapi.schemas.engine import Generate, LoadStep, Report, Step
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadOptions
from sdcpp_restapi.schemas.options import BoundedPreviewSettings
from sdcpp_restapi.schemas.pipe import Log

DEBUG, INFO, WARNING = range(3)


class Engine:
    """A parser, and what it reported."""

    def __init__(self, debug: bool = False) -> None:
        self.reports: list[Report] = []
        self.parser = LogParser(self.reports.append, debug)

    def say(self, *lines: str, level: int = INFO) -> None:
        for line in lines:
            self.parser.on_log(level, f"stable-diffusion.cpp:12 - {line}\n")

    def count(self, total: int, *steps: int) -> None:
        for step in steps or range(1, total + 1):
            self.parser.on_progress(step, total)

    @property
    def steps(self) -> list[tuple[int, int, int]]:
        """Image, step and total of each reported step."""
        return [(one.image, one.step, one.total_steps) for one in self.reports if isinstance(one, Step)]


@pytest.fixture
def engine() -> Engine:
    return Engine()


def counter(tmp_path: Path, tiles: int = 0, **fields: Any) -> StepCounter:
    params = Txt2ImgRequest.model_validate({"prompt": "a cat", "steps": 2, "seed": 1} | fields)
    command = Generate(
        id=7,
        params=params,
        prompt=params.prompt,
        negative_prompt="",
        options=LoadOptions(),
        model_name="any",
        folder=str(tmp_path),
        preview=BoundedPreviewSettings(),
    )
    steps = StepCounter(command, tiles)
    steps.begin_call(0, params.batch_count)
    return steps


def test_a_load_counts_tensors_and_names_the_model_and_its_files(engine: Engine) -> None:
    with engine.parser.follow_load(3):
        engine.say("Version: SD 1.x ", "loading 1/2 tensors from /a.gguf", "loading 2/2 tensors from /b.gguf")
        engine.count(2, 1)
        engine.count(2, 2)
    assert engine.parser.architecture == "SD 1.x"
    assert engine.parser.files_read == {"/a.gguf", "/b.gguf"}
    last = [report for report in engine.reports if isinstance(report, LoadStep)][-1]
    assert (last.id, last.step, last.total_steps) == (3, 2, 2)


@pytest.mark.parametrize("version", ["Flux", "Chroma Radiance"])
def test_a_chroma_is_told_from_a_flux(engine: Engine, version: str) -> None:
    with engine.parser.follow_load(3):
        engine.say(f"Version: {version} ", "Using pruned modulation (Chroma)")
    assert engine.parser.architecture == ("Chroma" if version == "Flux" else version)
    with engine.parser.follow_load(4):
        engine.say(f"Version: {version} ")
    assert engine.parser.architecture == version


@pytest.mark.parametrize("guided", [True, False])
def test_a_model_that_takes_distilled_guidance_is_noted(engine: Engine, guided: bool) -> None:
    embed = f"guidance_embed = {str(guided).lower()}"
    with engine.parser.follow_load(3):
        engine.say(
            "Version: Flux ", f"flux: depth = 1, depth_single_blocks = 1, {embed}, context_in_dim = 64"
        )
    assert engine.parser.guided is guided


def test_a_conversion_counts_tensors_as_steps(engine: Engine) -> None:
    with engine.parser.follow_conversion(3):
        engine.count(2, 2)
    assert engine.steps == [(0, 2, 2)]


def test_sampling_steps_of_each_image_are_counted_once(engine: Engine, tmp_path: Path) -> None:
    with engine.parser.follow_images(7, counter(tmp_path, batch_count=2)):
        engine.count(2)  # before any sampling
        for number in (1, 2):
            engine.say(f"generating image: {number}/2 - seed 1")
            engine.count(2, 0, 0, 1, 1, 2)
            engine.say("sampling completed, taking 1s")
            engine.count(2)
    assert engine.steps == [(0, 1, 2), (0, 2, 2), (1, 1, 2), (1, 2, 2)]


def test_tiles_and_weights_are_no_steps(engine: Engine, tmp_path: Path) -> None:
    with engine.parser.follow_images(7, counter(tmp_path)):
        engine.say("processing 3 tiles")
        engine.count(3)
        engine.say("generating image: 1/1 - seed 1", "loading 5/9 tensors from /a.gguf")
        engine.count(5)
        engine.say("loading 4/9 tensors from /b.gguf")
        engine.count(4)
        engine.say("loading tensors completed, taking 1s")
        engine.count(2)
        engine.say("sampling completed, taking 1s", "processing 3 tiles")
        engine.count(3)
    assert engine.steps == [(0, 1, 2), (0, 2, 2)]


def test_steps_of_a_second_pass_go_on_where_the_first_ended(engine: Engine, tmp_path: Path) -> None:
    steps = counter(tmp_path, batch_count=2, hires=True, hires_strength=1.0, hires_steps=3)
    with engine.parser.follow_images(7, steps):
        for number in (1, 2):
            engine.say(f"generating image: {number}/2 - seed 1")
            engine.count(2)
        engine.say("sampling completed, taking 1s", "hires fix: upscaling to 128x128")
        engine.count(3)
        engine.say("hires sampling 1/2 completed, taking 1s")
        engine.count(3)
        engine.say("hires fix completed, taking 1s")
        engine.count(3)
    assert len(engine.steps) == 2 * (2 + 3)
    done = [image * total + step for image, step, total in engine.steps]
    assert done == list(range(1, 11))


def test_the_models_of_a_pair_count_as_one(engine: Engine) -> None:
    with engine.parser.follow_video(7, 5):
        engine.say("generate_video 64x64x5")
        engine.count(2)
        engine.say("sampling(high noise) completed, taking 1s")
        engine.count(3)
    assert engine.steps == [(0, step, 5) for step in range(1, 6)]


def test_between_calls_nothing_is_counted(engine: Engine, tmp_path: Path) -> None:
    with engine.parser.follow_images(7, counter(tmp_path)):
        engine.say("generating image: 1/1 - seed 1")
    engine.count(2)
    with engine.parser.follow_silently(8):
        engine.say("generating image: 1/1 - seed 1")
        engine.count(2)
    assert engine.steps == []


def test_complaints_are_printable_and_not_endless(engine: Engine) -> None:
    with engine.parser.follow_silently(1):
        engine.say("tensor '\x00\x07\x1b[2J\ufffd\ufffdname\x81' not found" + "n" * 5000, level=WARNING)
    told = engine.parser.explain("unknown")
    assert told.startswith("tensor '[2Jname' not found")
    assert told.isprintable()
    assert len(told) == 1000


def test_complaints_are_those_of_the_command(engine: Engine) -> None:
    with engine.parser.follow_silently(1):
        engine.say("an old one", level=WARNING)
    with engine.parser.follow_silently(2):
        engine.say("no   such file", "no such file", level=WARNING)
        engine.say("all is well")
    assert engine.parser.explain("unknown") == "no such file"
    with engine.parser.follow_silently(3):
        assert engine.parser.explain("unknown") == "unknown"


@pytest.mark.parametrize(("debug", "levels"), [(False, ["info"]), (True, ["debug", "info"])])
def test_debug_lines_are_reported_on_request(debug: bool, levels: list[str]) -> None:
    engine = Engine(debug)
    engine.say("a detail", level=LOG_LEVELS.index("debug"))
    engine.say("a line")
    engine.say(" ")
    logs = [report for report in engine.reports if isinstance(report, Log)]
    assert [log.level for log in logs] == [*levels, "info"][: len(logs)]
