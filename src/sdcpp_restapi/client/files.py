"""Outputs of jobs as addresses and as files of the client."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import quote


def output_url(url: str, path: str) -> str:
    """Where the server at `url` has an output."""
    return f"{url}/output/{quote(path)}"


def file_name(output: str) -> str:
    """One name for an output, without folders: "<job>/frames/frame_0.png" -> "<job>-frames-frame_0.png"."""
    return "-".join(PurePosixPath(output.replace("\\", "/")).parts).lstrip("/-.")


def write_files(folder: str | Path, outputs: Iterable[str], contents: Iterable[bytes]) -> list[Path]:
    """Write outputs into a folder, which is made; their paths. Raises OSError."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = []
    for output, content in zip(outputs, contents, strict=True):
        paths.append(Path(folder, file_name(output)))
        paths[-1].write_bytes(content)
    return paths
