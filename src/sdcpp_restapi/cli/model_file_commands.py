"""Finding, fetching, renaming and deleting models: commands of `sdcpp` and `sdcpp models`.

What each does is in model_search.py and model_files.py, imported when one is called.
"""

from typing import Annotated

import typer

from . import options as o
from .examples import ENDS, examples

Link = Annotated[
    str,
    typer.Argument(
        # Square brackets would be markup.
        help="The address of a page or a file, civitai:ID, civitai:ID:VERSION, hf:ORG/NAME, hf:ORG/NAME/FILE,"
        " or an AIR.",
        show_default=False,
    ),
]
Name = Annotated[str, typer.Argument(help="As 'sdcpp models list' shows it.", show_default=False)]
Kind = Annotated[
    str | None,
    typer.Option("--type", "-t", help="Needed where files of two types share the name.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="For programs.", show_default=False)]
Force = Annotated[
    bool, typer.Option("--force", help="Also while it is loaded, or jobs need it.", show_default=False)
]


def add_root_commands(app: typer.Typer) -> None:
    """Those that are commands of `sdcpp` itself."""
    app.command(
        epilog=examples(
            "sdcpp search 'pixel art' --type lora",
            "sdcpp search flux --source huggingface --base black-forest-labs/FLUX.1-dev",
            "[dim]The last column is what 'sdcpp download' takes.[/dim]",
        )
    )(search)
    app.command(
        epilog=examples(
            "sdcpp download https://civitai.com/models/101055?modelVersionId=128078",
            "sdcpp download hf:org/repository --file vae/ae.safetensors",
            "sdcpp download https://example.com/model.gguf --type diffusion",
            "[dim]The header tells the type. What a model needs besides is told; Ctrl-C cancels.[/dim]",
            ENDS,
        )
    )(download)
    app.command(
        epilog=examples(
            "sdcpp rm old.safetensors",
            "sdcpp rm sd15  [dim]a set of models[/dim]",
            "sdcpp rm old.safetensors --purge --yes  [dim]for good[/dim]",
            "[dim]'sdcpp models trash' shows what can come back, 'sdcpp models restore ID' brings it.[/dim]",
        )
    )(rm)


def add_model_commands(app: typer.Typer) -> None:
    """Those of `sdcpp models`."""
    app.command(epilog=examples("sdcpp models resolve urn:air:sdxl:model:civitai:101055@128078", ENDS))(
        resolve
    )
    app.command(
        epilog=examples(
            "sdcpp models rename old.safetensors new.safetensors",
            "sdcpp models rename old.safetensors cats/old.safetensors  [dim]into a folder[/dim]",
        )
    )(rename)
    app.command(epilog=examples("sdcpp models note cat.safetensors 'weight 0.7, no negative prompt'"))(note)
    app.command(
        epilog=examples("sdcpp models tag cat.safetensors animal style", "sdcpp models tag cat.safetensors")
    )(tag)
    app.command(epilog=examples("sdcpp models duplicates"))(duplicates)
    app.command(epilog=examples("sdcpp models updates", "sdcpp models updates --refresh --json"))(updates)
    app.command(epilog=examples("sdcpp models trash"))(trash)
    app.command(epilog=examples("sdcpp models restore 550e8400e29b41d4a716446655440000"))(restore)


# ---------------------------------------------------------------- of sdcpp


def search(
    words: Annotated[str, typer.Argument(metavar="QUERY", help="Words of the name.")] = "",
    source: Annotated[str, typer.Option(help="civitai or huggingface.")] = "civitai",
    kind: Annotated[
        str | None, typer.Option("--type", "-t", help="checkpoint, lora, vae, ...", show_default=False)
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Base model: 'SDXL 1.0', or ORG/NAME on Hugging Face.", show_default=False),
    ] = None,
    sort: Annotated[str, typer.Option(help="downloads, rating or newest.")] = "downloads",
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    cursor: Annotated[
        str | None, typer.Option(help="Of the page before: the next page.", show_default=False)
    ] = None,
    nsfw: Annotated[
        bool, typer.Option("--nsfw", help="Also what is not for everybody.", show_default=False)
    ] = False,
    as_json: Json = False,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Find models on CivitAI or Hugging Face; the server asks, with its tokens."""
    from .model_search import show_search

    query = o.drop_unset(
        q=words, source=source, type=kind, base=base, sort=sort, limit=limit, cursor=cursor,
        nsfw="true" if nsfw else None,
    )  # fmt: skip
    show_search(query, as_json, server, api_key)


def download(
    link: Link,
    kind: Annotated[
        str | None,
        typer.Option("--type", "-t", help="Where the header does not tell it.", show_default=False),
    ] = None,
    file: Annotated[str | None, typer.Option(help="Which of several files.", show_default=False)] = None,
    subfolder: Annotated[
        str | None, typer.Option(help="Below the folder of the type.", show_default=False)
    ] = None,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Have the server fetch the model that a link leads to; prints its type and name."""
    from .model_search import fetch_link

    fetch_link(link, kind, file, o.drop_unset(subfolder=subfolder), server, api_key)


def rm(
    name: Name,
    kind: Kind = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="For good, not into the trash.", show_default=False)
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)] = False,
    force: Force = False,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Put a model into the trash, with the files beside it, or delete what a pull of a set brought.

    Of a set, files that something else uses are kept; which go is shown, and asked.
    """
    from .model_files import delete
    from .sets import remove_set

    if kind is None and remove_set(name, yes, server, api_key):
        return
    delete(name, kind, purge, yes, force, server, api_key)


# ---------------------------------------------------------------- of sdcpp models


def resolve(link: Link, as_json: Json = False, server: o.Url = o.HERE, api_key: o.ApiKey = None) -> None:
    """What a link leads to: type, architecture, size, what it needs. Nothing is downloaded."""
    from .model_search import show_link

    show_link(link, as_json, server, api_key)


def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="With folders, if any.", show_default=False)],
    kind: Kind = None,
    force: Force = False,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Rename a model; the files beside it, its hash, notes and tags go with it."""
    from .model_files import rename_model

    rename_model(name, new_name, kind, force, server, api_key)


def note(
    name: Name,
    text: Annotated[str, typer.Argument(help="In place of what was there; empty: none.", show_default=False)],
    kind: Kind = None,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Write notes about a model."""
    from .model_files import change

    change(name, kind, {"notes": text}, server, api_key)


def tag(
    name: Name,
    tags: Annotated[
        list[str] | None, typer.Argument(help="All that it is to have; none: no tags.", show_default=False)
    ] = None,
    kind: Kind = None,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Give a model tags, in place of those that it has."""
    from .model_files import change

    change(name, kind, {"tags": tags or []}, server, api_key)


def duplicates(as_json: Json = False, server: o.Url = o.HERE, api_key: o.ApiKey = None) -> None:
    """Files with the same content, as far as their hashes are known."""
    from .model_files import show_duplicates

    show_duplicates(as_json, server, api_key)


def updates(
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask again, also what is known.", show_default=False)
    ] = False,
    as_json: Json = False,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Models of which CivitAI has a newer version; it is sent the hashes of the files."""
    from .model_search import show_updates

    show_updates(refresh, as_json, server, api_key)


def trash(as_json: Json = False, server: o.Url = o.HERE, api_key: o.ApiKey = None) -> None:
    """The models that were deleted and can come back."""
    from .model_files import show_trash

    show_trash(as_json, server, api_key)


def restore(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="As 'trash' shows it.", show_default=False)],
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Get models back from the trash."""
    from .model_files import bring_back

    bring_back(ids, server, api_key)
