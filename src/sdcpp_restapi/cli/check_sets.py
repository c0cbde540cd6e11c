"""What `sdcpp sets check` does: asks the sites, without a server."""

import asyncio
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

import typer

from ..config import Downloads, read_settings
from ..downloads.address_rules import AddressRules
from ..downloads.http_client import HttpClient
from ..downloads.sources.registry import Sources, create_tokens
from ..model_sets import library
from ..model_sets.checking import CheckedSet, SetCheck
from .exit_codes import exit_failed, exit_on_errors


def check_folder(folder: Path | None, write: bool, config: Path | None) -> None:
    """Check all sets of a folder, or those of the package; a row for each difference."""
    with exit_on_errors():
        settings = read_settings(config)
        if folder is not None and not folder.is_dir():
            raise exit_failed(f"{folder} is no folder")
        with as_file(files(library.__package__).joinpath("data")) as own:
            texts = {path: path.read_text("utf-8") for path in sorted((folder or own).glob("*.toml"))}
            checked = asyncio.run(_check(texts, settings.downloads))
            if write:
                for path, one in checked.items():
                    if one.text != texts[path]:
                        path.write_text(one.text, "utf-8")
    wrong = sum(finding.is_wrong for one in checked.values() for finding in one.findings)
    if wrong:
        raise exit_failed(f"{wrong} files differ or could not be asked for")


async def _check(texts: Mapping[Path, str], settings: Downloads) -> dict[Path, CheckedSet]:
    """Ask for all sets, and show what was found."""
    rules = AddressRules(settings.allow_private)
    client = HttpClient(rules, tokens=create_tokens(settings), timeout=settings.timeout)
    check = SetCheck(Sources(client, settings))
    checked = {}
    try:
        for path, text in texts.items():
            checked[path] = await check.check(text)
            for finding in checked[path].findings:
                typer.echo(f"{path.name}: {finding.sentence}")
    finally:
        await client.close()
    return checked
