"""Input images as requests carry them."""

import base64
import os
from pathlib import Path

# The bytes of an image file, where one is, or a data URL.
ImageSource = bytes | str | os.PathLike[str]


def encode_image(image: ImageSource) -> str:
    """Base64, or the data URL that it is. Raises OSError where the file cannot be read."""
    if isinstance(image, str) and image.startswith("data:"):
        return image
    content = image if isinstance(image, bytes) else Path(image).read_bytes()
    return base64.b64encode(content).decode()
