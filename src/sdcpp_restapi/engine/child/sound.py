"""The sound of a video, copied out of the engine's memory and encoded as AAC."""

import ctypes
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

# Samples a second that AAC knows (ISO/IEC 14496-3, table 1.18); other sound is resampled to the first.
AAC_RATES = (48000, 96000, 88200, 64000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
BITS_PER_SECOND = 192_000
LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(frozen=True)
class Sound:
    """Samples of -1..1 as [moment, channel]."""

    rate: int
    samples: NDArray[np.float32]


def copy_sound(pointer: Any) -> Sound | None:
    """The sound that a pointer to sd_audio_t tells of; None where there is none that could be heard.

    `sample_count` is that of each channel, whose samples stand side by side (read off the engine's source).
    """
    if not pointer:
        return None
    audio = pointer.contents
    if not audio.data or not audio.sample_rate or not audio.sample_count or audio.channels not in LAYOUTS:
        return None
    count = audio.sample_count * audio.channels
    data = ctypes.string_at(audio.data, count * ctypes.sizeof(ctypes.c_float))
    samples = np.nan_to_num(np.frombuffer(data, np.float32), posinf=1.0, neginf=-1.0)
    return Sound(audio.sample_rate, samples.clip(-1.0, 1.0).reshape(-1, audio.channels))


def add_stream(file: av.container.OutputContainer, sound: Sound) -> av.AudioStream:
    """A track for the sound, to be added before anything is written. Raises av.FFmpegError."""
    rate = sound.rate if sound.rate in AAC_RATES else AAC_RATES[0]
    stream = file.add_stream("aac", rate=rate, layout=LAYOUTS[sound.samples.shape[1]])
    stream.bit_rate = BITS_PER_SECOND
    return stream


def encode(file: av.container.OutputContainer, stream: av.AudioStream, sound: Sound) -> None:
    """Write the whole track. Raises av.FFmpegError."""
    planes = np.ascontiguousarray(sound.samples.T)
    frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=LAYOUTS[planes.shape[0]])
    frame.sample_rate = sound.rate
    file.mux(stream.encode(frame))
    file.mux(stream.encode())
