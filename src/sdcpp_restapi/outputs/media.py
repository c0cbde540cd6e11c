"""Kinds of files by their extensions, their Content-Types, and which are safe to show in a browser."""

import mimetypes
from pathlib import PurePath

IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
}
VIDEOS = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
}
SOUNDS = {".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg", ".flac": "audio/flac"}
# Text is sent as plain text, so that no browser takes it for a page.
TEXTS = {
    ".json": "application/json",
    ".txt": "text/plain",
    ".log": "text/plain",
    ".csv": "text/plain",
    ".md": "text/plain",
}
MEDIA = {**IMAGES, **VIDEOS}
_HARMLESS = {**MEDIA, **SOUNDS, **TEXTS}


def kind_of(name: str) -> str:
    """image, video, text or file: which icon and which viewer it gets."""
    suffix = _suffix(name)
    kinds = (("image", IMAGES), ("video", VIDEOS), ("text", TEXTS))
    return next((kind for kind, suffixes in kinds if suffix in suffixes), "file")


def media_type(name: str) -> str:
    """The Content-Type of a file."""
    return _HARMLESS.get(_suffix(name)) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def is_harmless(name: str) -> bool:
    """Whether a browser may show it: no script runs in it. HTML and SVG, for two, are not."""
    return _suffix(name) in _HARMLESS


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()
