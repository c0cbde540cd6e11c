"""A picture of a video."""

from pathlib import Path

import av
from PIL import Image

# What the names of videos promise (media.VIDEOS). Left to guess, FFmpeg would also open playlists, which name
# other files and addresses.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"


def still(path: Path, most_pixels: int) -> Image.Image | None:
    """The first frame that can be shown; None where a frame has too many pixels, or none is whole.

    Raises all kinds of errors, av.FFmpegError among them, for a file that is not a video.
    """
    with av.open(str(path), options={"format_whitelist": FORMATS, "protocol_whitelist": "file"}) as file:
        stream = file.streams.video[0]
        if stream.width * stream.height > most_pixels:
            return None
        for frame in file.decode(stream):
            return Image.fromarray(frame.to_ndarray(format="rgb24"))
    return None
