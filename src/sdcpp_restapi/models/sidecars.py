"""Sidecar files, which other tools put beside a model: a preview picture, and notes in JSON."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .trigger_words import clean_words

# A1111 and CivitAI Link write `.preview`, others `.thumb` or nothing before the extension.
PICTURES = tuple(
    kind + extension
    for kind in (".preview", "", ".thumb", ".thumbnail")
    for extension in (".png", ".jpg", ".jpeg", ".webp")
)
# Written by Civitai Helper, by LoRA Manager and by A1111; the first that is there counts.
NOTES = (".civitai.info", ".metadata.json", ".json")
# What else goes with a file: a configuration, a description, a hash, as the same programs write them.
OTHERS = (".yaml", ".txt", ".description.txt", ".sha256", ".html")
MOST_BYTES = 2**20


@dataclass(frozen=True)
class Sidecars:
    """The sidecar files of one model, read."""

    title: str | None = None
    trigger_words: tuple[str, ...] = ()
    base_model: str | None = None
    picture: Path | None = None


def find_sidecars(paths: Iterable[Path]) -> Mapping[Path, Sidecars]:
    """The sidecars of model files now; each folder is listed once."""
    folders: dict[Path, Mapping[str, str]] = {}
    found = {}
    for path in paths:
        if path.parent not in folders:
            folders[path.parent] = _list_names(path.parent)
        found[path] = _read_sidecars(path, folders[path.parent])
    return found


def list_sidecars(path: Path) -> list[Path]:
    """All files beside a model that go with it."""
    return _list_with(path, PICTURES + NOTES + OTHERS)


def list_pictures(path: Path) -> list[Path]:
    """The pictures beside a model."""
    return _list_with(path, PICTURES)


def _list_with(path: Path, ends: tuple[str, ...]) -> list[Path]:
    names = _list_names(path.parent, ends)
    return [path.with_name(names[path.stem + end]) for end in ends if path.stem + end in names]


def _list_names(folder: Path, ends: tuple[str, ...] = PICTURES + NOTES) -> Mapping[str, str]:
    """Names, with the ending of a sidecar in small letters, -> names as they are."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    return {name[: -len(end)] + end: name for end in ends for name in names if name.lower().endswith(end)}


def _read_sidecars(path: Path, names: Mapping[str, str]) -> Sidecars:
    picture, notes = (
        next((names[path.stem + end] for end in ends if path.stem + end in names), None)
        for ends in (PICTURES, NOTES)
    )
    content = _read(path.with_name(notes)) if notes else {}
    return Sidecars(
        title=_find_title(content),
        trigger_words=tuple(_find_trigger_words(content)),
        base_model=next(iter(clean_words([content.get("baseModel"), content.get("base_model")])), None),
        picture=path.with_name(picture) if picture else None,
    )


def _read(path: Path) -> Mapping[str, object]:
    """A JSON object; an empty one for whatever is none."""
    try:
        if not path.is_file():  # to open a pipe would wait for who writes into it
            return {}
        with open(path, "rb") as file:
            content = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _find_title(content: Mapping[str, object]) -> str | None:
    model = content.get("model")
    names = [model.get("name") if isinstance(model, dict) else None, content.get("model_name")]
    return next(iter(clean_words(names)), None)


def _find_trigger_words(content: Mapping[str, object]) -> list[str]:
    """CivitAI's trained words, at the top or in LoRA Manager's copy, else A1111's activation text."""
    civitai = content.get("civitai")
    for notes in (content, civitai if isinstance(civitai, dict) else {}):
        if words := clean_words(notes.get("trainedWords")):
            return words
    text = content.get("activation text")
    return clean_words(text.split(",")) if isinstance(text, str) else []
