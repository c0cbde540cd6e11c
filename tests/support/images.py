"""Input images as a client would send them."""

import base64
import io

from PIL import Image


def picture(width: int = 64, height: int = 64, mode: str = "RGB") -> Image.Image:
    """Two colour ramps: nothing that could be mistaken for an empty picture."""
    red = Image.linear_gradient("L").resize((width, height))
    green = red.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return Image.merge("RGB", (red, green, Image.new("L", (width, height), 90))).convert(mode)


def encoded(image: Image.Image | None = None, format: str = "PNG") -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    (image or picture()).save(buffer, format)
    return buffer.getvalue()


def as_base64(image: Image.Image | None = None, format: str = "PNG") -> str:
    """A picture as the API's image fields take it."""
    return base64.b64encode(encoded(image, format)).decode()
