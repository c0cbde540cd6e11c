"""The real child with a real model, driven through its socket."""

import base64
import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sdcpp_restapi.engine.binding.names import NAMES
from sdcpp_restapi.errors import JobFailed
from sdcpp_restapi.schemas.engine import (
    COMMAND,
    REPORT,
    Command,
    Generate,
    Generated,
    Hello,
    Load,
    Loaded,
    LoadStep,
    PreviewFrame,
    Report,
    Step,
    Unload,
    Unloaded,
    WantPreviews,
)
from sdcpp_restapi.schemas.generation import Img2ImgRequest, Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadOptions, ModelFiles
from sdcpp_restapi.schemas.options import BoundedPreviewSettings
from sdcpp_restapi.schemas.pipe import Cancel, Log, Refused, Shutdown, Unusable
from tests.support.tiny_models import build

FOREVER = 1000
"""Steps that nobody waits for."""
NO_PREVIEW = BoundedPreviewSettings(enabled=False)


class ChildProcess:
    """A child and our end of its socket."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(60)
        with theirs:
            command = [
                sys.executable,
                "-m",
                "sdcpp_restapi.engine.child",
                "--fd",
                str(theirs.fileno()),
                *flags,
            ]
            self.process = subprocess.Popen(
                command, pass_fds=(theirs.fileno(),), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        self._lines = self._ours.makefile("rb")

    def send(self, command: Command) -> None:
        self.send_line(COMMAND.dump_json(command))

    def send_line(self, line: bytes) -> None:
        self._ours.sendall(line + b"\n")

    def next(self) -> Report:
        line = self._lines.readline()
        assert line, f"the child ended with {self.process.wait(30)}"
        return REPORT.validate_json(line)

    def until(self, *kinds: type[Report]) -> list[Report]:
        """All reports up to the first of these kinds; that one is the last."""
        reports = [self.next()]
        while not isinstance(reports[-1], kinds):
            reports.append(self.next())
        return reports

    def load(self, files: ModelFiles, call_id: int = 1) -> list[Report]:
        self.send(Load(id=call_id, files=files, options=LoadOptions()))
        return self.until(Loaded, Refused)

    def start(self, call_id: int, *, preview: BoundedPreviewSettings = NO_PREVIEW, **fields: Any) -> Path:
        """Send a generation; the folder of its files."""
        base = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 7, "cfg_scale": 1.0}
        kind = Img2ImgRequest if "init_image_base64" in fields else Txt2ImgRequest
        params = kind.model_validate(base | fields)
        folder = self.folder / f"job{call_id}"
        folder.mkdir()
        self.send(
            Generate(
                id=call_id,
                params=params,
                prompt=params.prompt,
                negative_prompt=params.negative_prompt,
                options=LoadOptions(),
                model_name="Tiny, random",
                folder=str(folder),
                preview=preview,
            )
        )
        return folder

    def result(self) -> Generated | Refused:
        last = self.until(Generated, Refused)[-1]
        assert isinstance(last, Generated | Refused)
        return last

    def hang_up(self) -> None:
        self._ours.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._lines.close()
        self._ours.close()


StartChild = Callable[..., ChildProcess]


@pytest.fixture(scope="session")
def tiny_files() -> ModelFiles:
    files = build("minit2i").files
    return ModelFiles(
        main=str(files["model"]), model_type="diffusion", components={"t5xxl": str(files["t5xxl"])}
    )


@pytest.fixture
def start_child(tmp_path: Path) -> Iterator[StartChild]:
    started: list[ChildProcess] = []

    def start(*flags: str) -> ChildProcess:
        started.append(ChildProcess(tmp_path, *flags))
        return started[-1]

    yield start
    for child in started:
        child.kill()


@pytest.fixture
def child(start_child: StartChild, tiny_files: ModelFiles) -> ChildProcess:
    """One with the model in memory."""
    child = start_child()
    child.until(Hello)
    assert isinstance(child.load(tiny_files)[-1], Loaded)
    return child


def _steps(reports: list[Report]) -> list[tuple[int, int]]:
    return [(report.image, report.step) for report in reports if isinstance(report, Step)]


# ---------------------------------------------------------------- greeting


def test_its_first_report_is_hello(start_child: StartChild) -> None:
    hello = start_child().next()
    assert isinstance(hello, Hello)
    assert hello.commit.startswith(hello.revision)
    assert hello.names == NAMES[hello.revision]
    assert hello.physical_cores > 0
    assert any(device.startswith("CPU\t") for device in hello.devices)


def test_a_library_that_fails_the_check_is_reported_and_ends_it(
    start_child: StartChild, tmp_path: Path
) -> None:
    child = start_child("--library", str(tmp_path / "none.so"))
    unusable = child.next()
    assert isinstance(unusable, Unusable)
    assert "none.so does not exist" in unusable.error
    assert child.process.wait(30) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_it_is_the_one_to_be_killed_when_memory_runs_out(start_child: StartChild) -> None:
    child = start_child()
    child.until(Hello)
    score = Path(f"/proc/{child.process.pid}/oom_score_adj").read_text()
    assert int(score) > int(Path("/proc/self/oom_score_adj").read_text())


def test_ctrl_c_is_not_for_it(child: ChildProcess) -> None:
    child.process.send_signal(signal.SIGINT)
    child.send(Unload(id=2))
    assert isinstance(child.until(Unloaded, Refused)[-1], Unloaded)


# ---------------------------------------------------------------- loading


def test_loading_reports_tensors_and_the_architecture(
    start_child: StartChild, tiny_files: ModelFiles
) -> None:
    child = start_child()
    child.until(Hello)
    reports = child.load(tiny_files)
    loaded = reports[-1]
    assert isinstance(loaded, Loaded)
    assert (loaded.engine_architecture, loaded.makes_images, loaded.makes_videos) == ("MiniT2I", True, False)
    steps = [report.step for report in reports if isinstance(report, LoadStep)]
    assert steps == sorted(set(steps))
    assert steps[-1] == next(r.total_steps for r in reports if isinstance(r, LoadStep))
    assert not _steps(reports)


def test_a_truncated_file_is_refused_in_the_engines_words_and_the_next_load_works(
    child: ChildProcess, tiny_files: ModelFiles, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(Path(tiny_files.main).read_bytes()[:-5000])
    refused = child.load(tiny_files.model_copy(update={"main": str(broken)}), 2)[-1]
    assert isinstance(refused, Refused)
    assert "out of bounds" in refused.error.message
    assert "broken.safetensors" in refused.error.message
    child.start(3)
    assert child.result() == Refused(id=3, error=JobFailed("No model is loaded").info)
    assert isinstance(child.load(tiny_files, 4)[-1], Loaded)
    child.start(5)
    assert isinstance(child.result(), Generated)


def test_unloading_twice_is_fine(child: ChildProcess) -> None:
    for call_id in (2, 3):
        child.send(Unload(id=call_id))
        assert child.until(Unloaded, Refused)[-1] == Unloaded(id=call_id)


# ---------------------------------------------------------------- generating


def test_two_images_report_their_steps_in_order_and_are_written(child: ChildProcess) -> None:
    folder = child.start(2, batch_count=2, steps=3)
    reports = child.until(Generated, Refused)
    made = reports[-1]
    assert isinstance(made, Generated)
    assert _steps(reports) == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert {(r.total_steps, r.images) for r in reports if isinstance(r, Step)} == {(3, 2)}
    assert [(i.file, i.seed, i.width) for i in made.images] == [
        ("image_0.png", 7, 64),
        ("image_1.png", 8, 64),
    ]
    assert sorted(os.listdir(folder)) == ["image_0.png", "image_1.png"]


@pytest.mark.parametrize("sampler", ["heun", "dpm2", "dpm++2s_a", "res_2s", "lcm"])
def test_every_step_is_reported_once(child: ChildProcess, sampler: str) -> None:
    child.start(2, sampler=sampler, steps=4)
    assert _steps(child.until(Generated)) == [(0, 1), (0, 2), (0, 3), (0, 4)]


def test_the_same_seed_gives_the_same_bytes(child: ChildProcess) -> None:
    folders = [child.start(call_id, seed=seed) for call_id, seed in ((2, 7), (3, 8), (4, 7))]
    for _ in folders:
        assert isinstance(child.result(), Generated)
    first, other, again = [(folder / "image_0.png").read_bytes() for folder in folders]
    assert first == again
    assert first != other


def test_the_picture_carries_its_parameters(child: ChildProcess) -> None:
    folder = child.start(2, prompt="a cat <lora:x:0.5>", negative_prompt="dogs", loras=[{"name": "y"}])
    child.result()
    with Image.open(folder / "image_0.png") as image:
        lines = image.info["parameters"].split("\n")
    assert lines[:2] == ["a cat <lora:x:0.5> <lora:y:1>", "Negative prompt: dogs"]
    assert lines[2].startswith("Steps: 2, Sampler: euler_a, Schedule type: discrete, CFG scale: 1, ")
    assert ', Seed: 7, Size: 64x64, Model: "Tiny, random", ' in lines[2]
    assert ", Version: sdcpp-restapi " in lines[2]


def test_a_prompt_beyond_latin_1_is_kept(child: ChildProcess) -> None:
    folder = child.start(2, prompt="кошка 猫")
    child.result()
    with Image.open(folder / "image_0.png") as image:
        assert image.info["parameters"].startswith("кошка 猫\nSteps: 2")


def test_a_folder_that_is_gone_fails_the_job_alone(child: ChildProcess) -> None:
    child.start(2, steps=4).rmdir()
    refused = child.result()
    assert isinstance(refused, Refused)
    assert "image_0.png cannot be written" in refused.error.message
    child.start(3)
    assert isinstance(child.result(), Generated)


def test_an_init_image_that_is_gone_fails_the_job_alone(child: ChildProcess, tmp_path: Path) -> None:
    command = Generate(
        id=2,
        params=Img2ImgRequest(prompt="a", init_image_base64="input:x/init_image_base64"),
        prompt="a",
        negative_prompt="",
        images={"init_image_base64": ["/nowhere/init.png"]},
        options=LoadOptions(),
        model_name="m",
        folder=str(tmp_path),
        preview=NO_PREVIEW,
    )
    child.send(command)
    refused = child.result()
    assert isinstance(refused, Refused)
    assert "init.png cannot be read" in refused.error.message


# ---------------------------------------------------------------- previews


@pytest.fixture
def watched(child: ChildProcess) -> ChildProcess:
    """One whose previews somebody looks at."""
    child.send(WantPreviews(wanted=True))
    return child


def test_no_preview_is_computed_while_nobody_wants_one(child: ChildProcess) -> None:
    child.start(2, steps=6, preview=BoundedPreviewSettings(mode="proj"))
    reports = child.until(Generated)
    assert isinstance(reports[-1], Generated)
    assert reports[-1].previews == 0
    assert not [report for report in reports if isinstance(report, PreviewFrame)]


def test_previews_begin_in_the_middle_of_a_job_when_somebody_comes(child: ChildProcess) -> None:
    child.start(2, steps=FOREVER, preview=BoundedPreviewSettings(mode="proj"))
    before = [child.until(Step)[-1] for _ in range(3)]
    child.send(WantPreviews(wanted=True))
    first = child.until(PreviewFrame)[-1]
    assert isinstance(first, PreviewFrame)
    assert first.step > len(before)
    assert first.interval == first.step
    child.send(Cancel(id=2))
    assert isinstance(child.result(), Refused)


@pytest.mark.parametrize("sampler", ["heun", "dpm2"])
def test_samplers_of_second_order_have_one_preview_a_step(watched: ChildProcess, sampler: str) -> None:
    watched.start(2, sampler=sampler, steps=6, preview=BoundedPreviewSettings(mode="proj"))
    reports = watched.until(Generated)
    assert isinstance(reports[-1], Generated)
    frames = [report.step for report in reports if isinstance(report, PreviewFrame)]
    assert frames == sorted(set(frames))
    assert set(frames) <= set(range(1, 7))
    assert 1 <= reports[-1].previews <= 6


@pytest.mark.parametrize(("asked", "real"), [("proj", "proj"), ("tae", "proj"), ("vae", "vae")])
def test_previews_say_their_real_mode(watched: ChildProcess, asked: str, real: str) -> None:
    watched.start(2, preview=BoundedPreviewSettings(mode=asked, max_size=32, quality=60))
    frames = [report for report in watched.until(Generated) if isinstance(report, PreviewFrame)]
    assert frames
    assert {frame.mode for frame in frames} == {real}
    with Image.open(io.BytesIO(base64.b64decode(frames[0].jpeg))) as image:
        assert (image.format, image.size) == ("JPEG", (32, 32))
    assert (frames[0].width, frames[0].height, frames[0].is_noisy) == (32, 32, False)


def test_previews_are_five_per_second_at_most(watched: ChildProcess) -> None:
    watched.start(2, steps=60, preview=BoundedPreviewSettings(mode="proj"))
    reports = watched.until(Generated)
    made = reports[-1]
    assert isinstance(made, Generated)
    frames = sum(isinstance(report, PreviewFrame) for report in reports)
    assert 1 <= frames <= made.seconds * 5 + 1


@pytest.mark.parametrize("settings", [NO_PREVIEW, BoundedPreviewSettings(mode="none")])
def test_previews_can_be_off(watched: ChildProcess, settings: BoundedPreviewSettings) -> None:
    watched.start(2, preview=BoundedPreviewSettings(mode="proj"))
    watched.result()
    watched.start(3, preview=settings)
    assert not [report for report in watched.until(Generated) if isinstance(report, PreviewFrame)]


# ---------------------------------------------------------------- stopping


def test_a_cancel_stops_what_would_go_on_for_ever_and_the_next_job_works(child: ChildProcess) -> None:
    folder = child.start(2, steps=FOREVER, batch_count=2)
    child.until(Step)
    child.send(Cancel(id=2))
    refused = child.result()
    assert isinstance(refused, Refused)
    assert refused.error.code == "job_cancelled"
    assert os.listdir(folder) == []
    child.start(3)
    assert isinstance(child.result(), Generated)


def test_a_cancel_right_behind_its_job_is_not_lost(child: ChildProcess) -> None:
    for call_id in range(2, 8):
        child.start(call_id, steps=FOREVER)
        child.send(Cancel(id=call_id))
        refused = child.result()
        assert isinstance(refused, Refused)
        assert refused.error.code == "job_cancelled"


@pytest.mark.parametrize("moment", ["text encoder", "sampling", "decoding"])
def test_a_cancel_in_any_graph_leaves_a_model_that_draws_the_same_pixels(
    start_child: StartChild, moment: str
) -> None:
    """A CLIP whose graph is broken off would end the process."""
    child = start_child()
    child.until(Hello)
    model = build("sd1_vae")
    files = {component: str(path) for component, path in model.files.items()}
    child.load(ModelFiles(main=files.pop("model"), model_type="checkpoint", components=files))
    folder = child.start(2)
    child.result()
    whole = (folder / "image_0.png").read_bytes()
    child.start(3)
    if moment != "text encoder":
        last = 1 if moment == "sampling" else 2
        while not isinstance(report := child.next(), Step) or report.step < last:
            pass
    child.send(Cancel(id=3))
    ended = child.result()
    assert isinstance(ended, Generated) or ended.error.code == "job_cancelled"
    folder = child.start(4)
    child.result()
    assert (folder / "image_0.png").read_bytes() == whole


def test_a_waiting_job_can_be_cancelled_and_the_running_one_goes_on(child: ChildProcess) -> None:
    child.start(2, steps=10)
    child.start(3, steps=FOREVER)
    child.start(4, steps=FOREVER)
    child.send(Cancel(id=4))
    child.send(Cancel(id=3))
    assert isinstance(child.result(), Generated)
    for call_id in (3, 4):
        refused = child.result()
        assert isinstance(refused, Refused)
        assert (refused.id, refused.error.code) == (call_id, "job_cancelled")


def test_a_cancel_that_comes_too_late_hits_nobody(child: ChildProcess) -> None:
    child.start(2)
    child.result()
    child.send(Cancel(id=2))
    child.start(3)
    assert isinstance(child.result(), Generated)


def test_the_end_of_the_socket_ends_it_in_the_middle_of_a_generation(child: ChildProcess) -> None:
    child.start(2, steps=FOREVER)
    child.until(Step)
    child.hang_up()
    assert child.process.wait(30) == 0


def test_shutdown_ends_it_in_the_middle_of_a_generation(child: ChildProcess) -> None:
    child.start(2, steps=FOREVER)
    child.until(Step)
    child.send(Shutdown())
    assert child.process.wait(30) == 0


def test_a_line_that_is_no_command_is_told_and_skipped(child: ChildProcess) -> None:
    child.send_line(b'{"kind": "dance"}')
    log = child.until(Log)[-1]
    assert isinstance(log, Log)
    assert "not a command" in log.text
    child.start(2)
    assert isinstance(child.result(), Generated)


def test_debug_lines_are_reported_only_on_request(start_child: StartChild, tiny_files: ModelFiles) -> None:
    levels: list[set[str]] = []
    for flags in ((), ("--debug",)):
        child = start_child(*flags)
        child.until(Hello)
        levels.append({r.level for r in child.load(tiny_files) if isinstance(r, Log)})
    assert ["debug" in told for told in levels] == [False, True]
    assert all("info" in told for told in levels)
