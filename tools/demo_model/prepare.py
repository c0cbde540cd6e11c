"""Make the training data: the emoji of subjects.py from npm, and the engine's own T5 tokenizer."""

import argparse
import base64
import hashlib
import io
import tarfile
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from PIL import Image
from subjects import SUBJECTS

# Microsoft's Fluent Emoji (MIT) as pictures of 256 pixels.
PACKAGE = "https://registry.npmjs.org/@lobehub/fluent-emoji-3d/-/fluent-emoji-3d-1.1.0.tgz"
SHA512 = "Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g=="
SIZES = (128, 256)  # for the model, for the upscaler
MARGIN = 0.04


def fetched(cache: Path) -> bytes:
    """The package, checked; downloaded once."""
    if not cache.exists():
        with urlopen(PACKAGE) as answer:
            cache.write_bytes(answer.read())
    content = cache.read_bytes()
    found = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != SHA512:
        raise SystemExit(f"{cache} is not the package that the model was made from (sha512 {found})")
    return content


def emoji(package: bytes) -> dict[str, Image.Image]:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        return {
            code: Image.open(io.BytesIO(archive.extractfile(f"package/assets/{code}.webp").read()))
            for code in SUBJECTS
        }


def square(picture: Image.Image, size: int) -> np.ndarray:
    """Cropped to what is not transparent and centred, as premultiplied RGBA: clean edges on every ground."""
    picture = picture.convert("RGBA")
    picture = picture.crop(picture.getchannel("A").point(lambda a: 255 if a > 16 else 0).getbbox())
    scale = round(size * (1 - 2 * MARGIN)) / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    pixels = np.asarray(picture, np.float32) / 255
    pixels = np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], -1)
    planes = [Image.fromarray(np.ascontiguousarray(pixels[..., c])) for c in range(4)]
    planes = [plane.resize((width, height), Image.Resampling.LANCZOS) for plane in planes]
    small = np.stack([np.asarray(plane) for plane in planes], -1).clip(0, 1)
    small[..., :3] = np.minimum(small[..., :3], small[..., 3:])
    out = np.zeros((size, size, 4), np.float32)
    y, x = (size - height) // 2, (size - width) // 2
    out[y : y + height, x : x + width] = small
    return (out * 255).round().astype(np.uint8)


def tokenizer() -> bytes:
    """As it is compiled into the engine: the smaller of two unigram models, the other is UMT5's."""
    from importlib.util import find_spec

    library = Path(find_spec("cyllama").origin).parent / "sd" / "stable_diffusion.abi3.so"
    content, found, at = library.read_bytes(), [], -1
    while (at := content.find(b'"type": "Unigram"', at + 1)) >= 0:
        found.append(content[content.rindex(b"\0", 0, at) + 1 : content.index(b"\0", at)])
    return min(found, key=len)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"))
    data = parser.parse_args().data
    data.mkdir(parents=True, exist_ok=True)
    pictures = emoji(fetched(data / "fluent-emoji-3d.tgz"))
    arrays = {f"p{size}": np.stack([square(p, size) for p in pictures.values()]) for size in SIZES}
    np.savez_compressed(data / "pictures.npz", **arrays)
    (data / "t5_tokenizer.json").write_bytes(tokenizer())
    print(f"{len(pictures)} pictures in {data}")


if __name__ == "__main__":
    main()
