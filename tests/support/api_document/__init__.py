"""The API document's examples, as they are printed there."""

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
_BLOCK = re.compile(r"^## (?P<name>.+?)\n\n```\w+\n(?P<text>.*?)\n```$", re.MULTILINE | re.DOTALL)
# Where the document leaves out most of a base64 text.
PLACEHOLDERS = ("/9j/4AAQSkZJRg...", "<base64-encoded-canny-edge-image>")


def blocks(file: str) -> dict[str, str]:
    """Name -> text of the blocks of requests.md or answers.md."""
    return {found["name"]: found["text"] for found in _BLOCK.finditer((FOLDER / file).read_text("utf-8"))}


def answer(name: str) -> dict[str, Any]:
    """A documented answer."""
    found: dict[str, Any] = json.loads(blocks("answers.md")[name])
    return found


def body(name: str, image: str = "") -> dict[str, Any]:
    """A documented request body, with an image where the document has a placeholder."""
    text = blocks("requests.md")[name]
    for placeholder in PLACEHOLDERS:
        text = text.replace(placeholder, image)
    found: dict[str, Any] = json.loads(text)
    return found


def curl_body(name: str) -> dict[str, Any]:
    """The JSON body of a documented curl command; images are whatever the shell would put there."""
    text = re.search(r"-d '(.*)'$", blocks("requests.md")[name], re.DOTALL)
    assert text, name
    found: dict[str, Any] = json.loads(re.sub(r"'\$\(.*?\)'", "IMAGE", text[1]))
    return found


def differences(documented: object, real: object, where: str = "") -> list[str]:
    """What the document shows and the server does not say: missing keys, other types. null stands for
    anything, and lists are compared by their first element."""
    if isinstance(documented, dict) and isinstance(real, dict):
        missing = [f"{where}.{key} is missing" for key in documented if key not in real]
        both = (key for key in documented if key in real)
        return missing + [
            d for key in both for d in differences(documented[key], real[key], f"{where}.{key}")
        ]
    if isinstance(documented, list) and isinstance(real, list):
        return differences(documented[0], real[0], f"{where}[0]") if documented and real else []
    if documented is None or real is None or _kind(documented) == _kind(real):
        return []
    return [f"{where} is {real!r}, documented as {documented!r}"]


def _kind(value: object) -> str:
    if isinstance(value, bool | str | list | dict):
        return type(value).__name__
    return "number"
