"""GET /thumb."""

import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from PIL import Image

from tests.support.output_folders import blank, write_png
from tests.support.raw_requests import request
from tests.support.running_server import RunningServer

RED = (255, 0, 0)


def thumb_of(answer: httpx.Response) -> Image.Image:
    """The picture of an answer, which must be as documented."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == ("JPEG", (120, 120))
    return image


def is_placeholder(answer: httpx.Response) -> bool:
    """Whether it is an SVG, which must be well-behaved."""
    assert answer.status_code == 200
    return answer.headers["content-type"] == "image/svg+xml" and answer.content.startswith(b"<svg")


def near(colour: object, expected: tuple[int, int, int]) -> bool:
    """Equal, as far as JPEG keeps colours."""
    assert isinstance(colour, tuple)
    return all(abs(a - b) < 12 for a, b in zip(colour, expected, strict=True))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".PNG"])
def test_every_documented_format_becomes_a_jpeg(server: RunningServer, output: Path, suffix: str) -> None:
    path = output / f"format{suffix[1:]}{suffix}"
    Image.new("RGB", (200, 100), RED).save(path)
    image = thumb_of(server.http.get(f"/thumb/{path.name}"))
    assert near(image.getpixel((60, 60)), RED)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_becomes_a_jpeg(server: RunningServer, output: Path, mode: str) -> None:
    path = blank(output / f"mode{mode[:2]}{len(mode)}.png", mode, (33, 44))
    thumb_of(server.http.get(f"/thumb/{path.name}"))


def test_sixteen_bits_keep_their_brightness(server: RunningServer, output: Path) -> None:
    Image.new("I;16", (40, 40), 0x8000).save(output / "deep.png")
    assert near(thumb_of(server.http.get("/thumb/deep.png")).convert("RGB").getpixel((5, 5)), (128, 128, 128))


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (120, 120), (2000, 1500)])
def test_every_size_becomes_a_square(server: RunningServer, output: Path, size: tuple[int, int]) -> None:
    path = blank(output / f"size{size[0]}x{size[1]}.png", "RGB", size)
    thumb_of(server.http.get(f"/thumb/{path.name}"))


def test_the_middle_is_shown(server: RunningServer, output: Path) -> None:
    image = Image.new("RGB", (300, 100))
    image.paste(RED, (100, 0, 200, 100))
    image.save(output / "middle.png")
    shown = thumb_of(server.http.get("/thumb/middle.png"))
    assert all(near(shown.getpixel(spot), RED) for spot in ((3, 3), (116, 60), (60, 116)))


def test_a_photo_is_shown_upright(server: RunningServer, output: Path) -> None:
    image = Image.new("RGB", (100, 100))
    image.paste(RED, (0, 0, 100, 50))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(output / "turned.jpg", exif=exif)
    assert near(thumb_of(server.http.get("/thumb/turned.jpg")).getpixel((60, 110)), RED)


def test_a_thumbnail_is_kept_beside_the_picture(server: RunningServer, output: Path) -> None:
    write_png(output / "kept" / "image_0.png")
    answer = server.http.get("/thumb/kept/image_0.png")
    assert os.listdir(output / "kept" / ".thumbs") == ["image_0.jpg"]
    assert (output / "kept" / ".thumbs" / "image_0.jpg").read_bytes() == answer.content


def test_a_kept_thumbnail_is_used_while_the_picture_is_the_same(server: RunningServer, output: Path) -> None:
    source = write_png(output / "used" / "a.png")
    server.http.get("/thumb/used/a.png")
    kept, date = output / "used" / ".thumbs" / "a.jpg", source.stat().st_mtime_ns
    kept.write_bytes(b"kept")
    os.utime(kept, ns=(date, date))
    assert server.http.get("/thumb/used/a.png").content == b"kept"


@pytest.mark.parametrize("later", [1, -1], ids=["newer", "older"])
def test_a_changed_picture_gets_a_new_thumbnail(server: RunningServer, output: Path, later: int) -> None:
    name = f"changed{later}.png"
    source = blank(output / "changed" / name, "RGB", (50, 50))
    first = server.http.get(f"/thumb/changed/{name}")
    Image.new("RGB", (50, 50), RED).save(source)
    moment = source.stat().st_mtime + 3600 * later
    os.utime(source, (moment, moment))
    again = server.http.get(f"/thumb/changed/{name}", headers={"if-none-match": first.headers["etag"]})
    assert near(thumb_of(again).getpixel((60, 60)), RED)


def test_pictures_that_share_a_stem_have_thumbnails_of_their_own(server: RunningServer, output: Path) -> None:
    Image.new("RGB", (50, 50), RED).save(output / "twins.png")
    Image.new("RGB", (50, 50), (0, 0, 255)).save(output / "twins.jpg")
    for _ in range(2):
        assert near(thumb_of(server.http.get("/thumb/twins.png")).getpixel((60, 60)), RED)
        assert near(thumb_of(server.http.get("/thumb/twins.jpg")).getpixel((60, 60)), (0, 0, 255))
    kept = [name for name in os.listdir(output / ".thumbs") if name.startswith("twins")]
    assert sorted(kept) == ["twins.jpg.jpg", "twins.png.jpg"]


def test_a_known_thumbnail_is_answered_with_304(server: RunningServer, output: Path) -> None:
    write_png(output / "known.png")
    first = server.http.get("/thumb/known.png")
    assert "max-age" in first.headers["cache-control"]
    again = server.http.get("/thumb/known.png", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert server.http.head("/thumb/known.png").status_code == 200


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".avi", ".mov", ".mkv"])
def test_a_video_has_a_play_button(server: RunningServer, output: Path, suffix: str) -> None:
    (output / f"video{suffix}").write_bytes(b"x")
    answer = server.http.get(f"/thumb/video{suffix}")
    assert is_placeholder(answer)
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "libx264"), (".webm", "libvpx"), (".avi", "mpeg4"), (".mov", "libx264"),
                          (".mkv", "libx264")],
)  # fmt: skip
def test_a_frame_of_a_video_is_shown_where_it_is_asked_for(
    server: RunningServer, output: Path, suffix: str, codec: str
) -> None:
    write_video(output / f"real{suffix}", codec)
    assert is_placeholder(server.http.get(f"/thumb/real{suffix}"))
    for _ in range(2):
        thumb = thumb_of(server.http.get(f"/thumb/real{suffix}", params={"frame": 1}))
        assert near(thumb.getpixel((60, 60)), RED)


def write_video(path: Path, codec: str) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for color in (RED, (0, 0, 255)):
            frame = av.VideoFrame.from_ndarray(np.full((32, 64, 3), color, np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def test_a_frame_is_kept_like_a_pictures_thumbnail(server: RunningServer, output: Path) -> None:
    write_video(output / "kept.mp4", "libx264")
    thumb_of(server.http.get("/thumb/kept.mp4?frame=1"))
    kept = output / ".thumbs" / "kept.jpg"
    assert kept.stat().st_mtime_ns == (output / "kept.mp4").stat().st_mtime_ns


# The last two name another file; FFmpeg would follow them if it were left to guess what they are.
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nreal.mp4\n#EXT-X-ENDLIST\n"
NO_VIDEOS = {"empty": "", "text": "x", "playlist": PLAYLIST, "list": "ffconcat version 1.0\nfile real.mp4\n"}


@pytest.mark.parametrize("kind", NO_VIDEOS)
def test_what_is_no_video_has_a_placeholder(server: RunningServer, output: Path, kind: str) -> None:
    write_video(output / "real.mp4", "libx264")
    (output / f"no-{kind}.mp4").write_text(NO_VIDEOS[kind])
    assert is_placeholder(server.http.get(f"/thumb/no-{kind}.mp4?frame=1"))


def test_a_truncated_video_has_a_frame_or_a_placeholder(server: RunningServer, output: Path) -> None:
    write_video(output / "cut.mkv", "libx264")
    whole = (output / "cut.mkv").read_bytes()
    for length in range(0, len(whole), 97):
        (output / "cut.mkv").write_bytes(whole[:length])
        assert server.http.get("/thumb/cut.mkv?frame=1").status_code == 200


BROKEN = {
    "empty": b"",
    "text": b"<script>alert(1)</script>",
    "signature": b"\x89PNG\r\n\x1a\n",
    "cut": None,
    "garbled": None,
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_picture_has_a_placeholder(server: RunningServer, output: Path, how: str) -> None:
    path = write_png(output / f"broken-{how}.png", size=(300, 300))
    whole = path.read_bytes()
    garbled = whole[:60] + bytes(byte ^ 0x55 for byte in whole[60:])
    path.write_bytes({"cut": whole[: len(whole) // 2], "garbled": garbled}.get(how) or BROKEN[how] or b"")
    assert is_placeholder(server.http.get(f"/thumb/{path.name}"))


def test_a_picture_that_unpacks_to_gigabytes_is_not_unpacked(server: RunningServer, output: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    for side in (10_000, 50_000):  # above our bound; above Pillow's own
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        (output / f"bomb{side}.png").write_bytes(bomb + chunk(b"IEND", b""))
        assert is_placeholder(server.http.get(f"/thumb/bomb{side}.png"))
        assert server.http.get("/output").status_code == 200
    assert not [line for line in server.log if "DecompressionBomb" in line and "no thumbnail" not in line]


def test_a_folder_that_cannot_be_written_to_does_without(server: RunningServer, output: Path) -> None:
    write_png(output / "readonly" / "a.png")
    # Also root may not make a folder where a file is.
    (output / "readonly" / ".thumbs").write_text("in the way")
    thumb_of(server.http.get("/thumb/readonly/a.png"))
    assert sorted(os.listdir(output / "readonly")) == [".thumbs", "a.png"]


def test_a_very_long_name_has_a_thumbnail(server: RunningServer, output: Path) -> None:
    write_png(output / ("x" * 251 + ".png"))
    thumb_of(server.http.get("/thumb/" + "x" * 251 + ".png"))


def test_many_requests_at_once_leave_whole_thumbnails_only(server: RunningServer, output: Path) -> None:
    for number in range(4):
        write_png(output / "many" / f"image_{number}.png", size=(400, 400))
    with ThreadPoolExecutor(8) as pool:
        paths = [f"/thumb/many/image_{number % 4}.png" for number in range(32)]
        for answer in pool.map(server.http.get, paths):
            thumb_of(answer).load()
    assert sorted(os.listdir(output / "many" / ".thumbs")) == [f"image_{number}.jpg" for number in range(4)]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/thumb/config.json", 400),
        ("/thumb/folder.png", 400),
        ("/thumb/", 400),
        ("/thumb/../secret.png", 400),
        ("/thumb/%2e%2e/secret.png", 400),
        ("/thumb/link.png", 400),
        ("/thumb/missing.png", 404),
        ("/thumb/.hidden.png", 404),
        ("/thumb/.thumbs/known.jpg", 404),
        ("/thumb/loop.png", 404),
    ],
)
def test_other_paths_are_refused(server: RunningServer, output: Path, path: str, status: int) -> None:
    (output / "config.json").write_text("{}")
    (output / "folder.png").mkdir(exist_ok=True)
    write_png(output.parent / "secret.png")
    write_png(output / ".hidden.png")
    for name, target in (("link.png", output.parent / "secret.png"), ("loop.png", output / "loop.png")):
        (output / name).unlink(missing_ok=True)
        (output / name).symlink_to(target)
    answer = request(server, path)
    assert answer.status == status
    assert b'"error"' in answer.body
