"""The sound of a video comes out of the engine's memory and into the file."""

import ctypes
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from sdcpp_restapi.engine.binding.image_buffers import to_struct
from sdcpp_restapi.engine.binding.structs import sd_audio_t
from sdcpp_restapi.engine.child import video_file
from sdcpp_restapi.engine.child.sound import Sound, copy_sound
from sdcpp_restapi.schemas.engine import GenerateVideo
from sdcpp_restapi.schemas.models import LoadOptions
from sdcpp_restapi.schemas.options import BoundedPreviewSettings
from sdcpp_restapi.schemas.video import Txt2VidRequest

LEFT, RIGHT = 440, 1000
"""Tones in hertz."""


def tones(rate: int = 24000, seconds: float = 1.0) -> Sound:
    moments = np.arange(int(rate * seconds)) / rate
    samples = np.stack([np.sin(2 * np.pi * tone * moments) / 2 for tone in (LEFT, RIGHT)], axis=1)
    return Sound(rate, samples.astype(np.float32))


def as_struct(sound: Sound) -> tuple[sd_audio_t, object]:
    data = (ctypes.c_float * sound.samples.size)(*sound.samples.ravel())
    count, channels = sound.samples.shape
    return sd_audio_t(sound.rate, channels, count, data), data


def command(folder: Path, **fields: object) -> GenerateVideo:
    return GenerateVideo(
        id=1,
        params=Txt2VidRequest.model_validate({"prompt": "a cat", "fps": 8, **fields}),
        prompt="",
        negative_prompt="",
        options=LoadOptions(),
        model_name="m",
        folder=str(folder),
        preview=BoundedPreviewSettings(),
    )


def hear(path: Path) -> tuple[list[float], float]:
    """The loudest tone of each channel, in hertz, and the seconds of the track."""
    with av.open(str(path)) as file:
        (stream,) = file.streams.audio
        assert stream.codec_context.name == "aac"
        planes = np.concatenate([frame.to_ndarray() for frame in file.decode(stream)], axis=1)
        rate = stream.rate
    spectra = np.abs(np.fft.rfft(planes))
    return [float(s.argmax() * rate / planes.shape[1]) for s in spectra], planes.shape[1] / rate


def test_sound_is_copied_as_the_engine_lays_it_out() -> None:
    struct, _kept = as_struct(tones())
    copied = copy_sound(ctypes.pointer(struct))
    assert copied is not None
    assert copied.rate == 24000
    assert np.array_equal(copied.samples, tones().samples)


def test_samples_that_are_no_numbers_are_silence_and_loud_ones_are_cut() -> None:
    struct, _kept = as_struct(Sound(8000, np.array([[np.nan], [9.0], [-np.inf]], np.float32)))
    copied = copy_sound(ctypes.pointer(struct))
    assert copied is not None
    assert copied.samples.tolist() == [[0.0], [1.0], [-1.0]]


@pytest.mark.parametrize("broken", [(0, 2, 4), (8000, 0, 4), (8000, 2, 0), (8000, 9, 4)])
def test_what_cannot_be_heard_is_no_sound(broken: tuple[int, int, int]) -> None:
    struct = sd_audio_t(*broken, (ctypes.c_float * 64)())
    assert copy_sound(ctypes.pointer(struct)) is None
    assert copy_sound(ctypes.POINTER(sd_audio_t)()) is None


@pytest.mark.parametrize("rate", [24000, 23456])
def test_a_video_has_the_sound_of_its_model_as_aac(tmp_path: Path, rate: int) -> None:
    made = [to_struct(Image.new("RGB", (32, 32), (shade, 0, 0))) for shade in range(8)]
    written = video_file.write_video(
        command(tmp_path), [one.struct for one in made], 0.0, lambda: False, fps=8, heard=tones(rate)
    )
    assert written.files == ["video.mp4"]
    loudest, seconds = hear(tmp_path / "video.mp4")
    assert loudest == [pytest.approx(LEFT, abs=3), pytest.approx(RIGHT, abs=3)]
    assert seconds == pytest.approx(1.0, abs=0.1)


def test_the_same_sound_makes_the_same_file(tmp_path: Path) -> None:
    files = []
    for name in ("one.mp4", "two.mp4"):
        with video_file.open_mp4(tmp_path / name, (32, 32), 8, "", tones()) as append:
            append(Image.new("RGB", (32, 32), (200, 0, 0)))
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_the_models_own_speed_is_taken_and_told(tmp_path: Path) -> None:
    made = [to_struct(Image.new("RGB", (32, 32), (shade, 0, 0))) for shade in range(3)]
    structs = [one.struct for one in made]
    written = video_file.write_video(command(tmp_path), structs, 0.0, lambda: False, fps=24)
    assert "fps: the model made the video for 24 frames a second, not 8" in written.warnings
    with av.open(str(tmp_path / "video.mp4")) as file:
        assert file.streams.video[0].average_rate == Fraction(24)
    for unsaid in (0, None, 8):
        again = video_file.write_video(command(tmp_path), structs, 0.0, lambda: False, fps=unsaid)
        assert not any("fps" in warning for warning in again.warnings)
