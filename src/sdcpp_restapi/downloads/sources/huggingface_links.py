"""Links to a Hugging Face hub: which repository, revision, folder or file they mean."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .links import LinkAddress, PastedLink

# The hub, its short name, and a mirror that serves the same repositories at the same paths.
HOSTS = ("huggingface.co", "hf.co", "hf-mirror.com")
# Addresses of repositories that hold no models.
_OTHERS = ("datasets", "spaces")
_FILE_VIEWS = ("blob", "resolve", "raw")
_NAME = re.compile(r"\w[\w.-]{0,95}", re.ASCII)


@dataclass(frozen=True)
class HubLink:
    """A repository, or a folder or file in it."""

    repo_id: str
    revision: str = "main"
    path: str = ""
    is_file: bool = False


def read_hub_link(link: PastedLink, own_place: str) -> HubLink | None:
    """What a link means; None for a link to elsewhere. `own_place`: host and port of the setting.

    Raises BadRequest for what is no repository of models.
    """
    if link.scheme == "hf":
        return _read_path(link)
    if link.air is not None and link.air.source == "huggingface":
        return _make_link(link, link.air.id.split("/"), link.air.version or "main")
    address = link.address
    if address is not None and (address.host in HOSTS or address.place == own_place):
        return _read_address(link, address)
    return None


def _read_path(link: PastedLink) -> HubLink:
    """`hf:ORG/NAME`, `hf:ORG/NAME@REVISION`, and either with a file."""
    owner, name, path = (*link.rest.split("/", 2), "", "")[:3]
    name, _, revision = name.partition("@")
    return _make_link(link, (owner, name), revision or "main", path, is_file=bool(path))


def _read_address(link: PastedLink, address: LinkAddress) -> HubLink:
    parts = list(address.parts)
    if parts[:2] == ["api", "models"]:
        parts = parts[2:]
    if parts and parts[0] in _OTHERS:
        raise link.refuse(f"this is one of the {parts[0]} of Hugging Face, and no model")
    view, revision = (*parts[2:4], "", "")[:2]
    path = "/".join(parts[4:])
    if view in _FILE_VIEWS and path:
        return _make_link(link, parts[:2], revision, path, is_file=True)
    if view == "tree" and revision:
        return _make_link(link, parts[:2], revision, path)
    return _make_link(link, parts[:2], "main")


def _make_link(
    link: PastedLink, repository: Sequence[str], revision: str, path: str = "", is_file: bool = False
) -> HubLink:
    if len(repository) != 2 or not all(map(_NAME.fullmatch, repository)):
        raise link.refuse("a repository of Hugging Face is ORG/NAME")
    return HubLink("/".join(repository), revision, path, is_file)
