"""`sdcpp models`: its sub-commands; what each does is in models.py, imported when one is called."""

from typing import Annotated

import typer

from ..schemas.model_types import COMPONENT_NAMES
from . import options as o
from .examples import ENDS, examples
from .model_file_commands import add_model_commands

app = typer.Typer(
    help="The models of a running server: look, check, fetch, convert, load.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Name = Annotated[str, typer.Argument(help="As 'sdcpp models list' shows it.", show_default=False)]
Kind = Annotated[
    str | None,
    typer.Option(
        "--type",
        "-t",
        help="Needed where files of two types share the name.",
        show_default=False,
        autocompletion=o.list_model_types,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For programs.", show_default=False)]


@app.command(
    "list",
    epilog=examples(
        "sdcpp models list",
        "sdcpp models list --type lora --search detail",
        "sdcpp models list --json | jq '.checkpoints[].name'",
    ),
)
def list_models(
    kind: Annotated[
        str | None,
        typer.Option(
            "--type",
            "-t",
            help="checkpoint, diffusion, vae, lora, ...",
            show_default=False,
            autocompletion=o.list_model_types,
        ),
    ] = None,
    extension: Annotated[str | None, typer.Option(help="E.g. gguf.", show_default=False)] = None,
    search: Annotated[
        str | None, typer.Option("--search", "-s", help="A part of the name.", show_default=False)
    ] = None,
    as_json: Json = False,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """What is on disk: type, size, the beginning of the SHA-256 once it is known, name. * is loaded."""
    from .models import show_list

    show_list(o.drop_unset(type=kind, extension=extension, search=search), as_json, server, api_key)


@app.command(
    epilog=examples(
        "sdcpp models inspect flux1-dev-Q4_K_S.gguf",
        "sdcpp models inspect flux1-dev-Q4_K_S.gguf --json  [dim]with a body for POST /models/load[/dim]",
    )
)
def inspect(
    name: Name, kind: Kind = None, as_json: Json = False, server: o.Url = o.HERE, api_key: o.ApiKey = None
) -> None:
    """What a file is, and what it needs to be loaded; its header tells, nothing is loaded."""
    from .models import show_inspection

    show_inspection(name, kind, as_json, server, api_key)


@app.command(
    "hash",
    epilog=examples(
        "sdcpp models hash v1-5-pruned-emaonly.safetensors",
        "[dim]The line is as sha256sum writes it. The server remembers the hash while the file stays.[/dim]",
    ),
)
def hash_model(name: Name, kind: Kind = None, server: o.Url = o.HERE, api_key: o.ApiKey = None) -> None:
    """The SHA-256 of a file; it is read once, which takes a while for large ones."""
    from .models import show_hash

    show_hash(name, kind, server, api_key)


@app.command(
    epilog=examples(
        "sdcpp models download civitai:123456 --type lora  [dim]the newest version[/dim]",
        "sdcpp models download civitai:123456:789012 --type checkpoint",
        "sdcpp models download hf:org/repository/file.safetensors --type vae",
        "sdcpp models download https://example.com/model.gguf --type diffusion --filename small.gguf",
        "[dim]Ctrl-C cancels it. A broken line is resumed. Files that need an account want a token in the"
        " server's settings (downloads.civitai_token, downloads.huggingface_token).[/dim]",
        ENDS,
    )
)
def download(
    source: Annotated[
        str, typer.Argument(help="An address, civitai:ID[:VERSION], or hf:ORG/NAME/FILE.", show_default=False)
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--type",
            "-t",
            help="checkpoint, diffusion, vae, lora, ...",
            show_default=False,
            autocompletion=o.list_model_types,
        ),
    ],
    filename: Annotated[str | None, typer.Option(help="What to call it.", show_default=False)] = None,
    subfolder: Annotated[
        str | None, typer.Option(help="Below the folder of the type.", show_default=False)
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Hugging Face: branch, tag or commit (main).", show_default=False)
    ] = None,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Have the server fetch a model and check it; prints its name."""
    from .models import fetch

    more = o.drop_unset(filename=filename, subfolder=subfolder, revision=revision)
    fetch(source, {"model_type": kind, **more}, server, api_key)


@app.command(
    epilog=examples(
        "sdcpp models convert flux1-dev.safetensors q8_0",
        "sdcpp models convert big.safetensors q4_k -o small.gguf --rules '^vae\\.=f16'",
        "[dim]Ctrl-C cancels it. The types are at /options.[/dim]",
        ENDS,
    )
)
def convert(
    source: Annotated[
        str, typer.Argument(help="A model file of the server's model folders.", show_default=False)
    ],
    output_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="E.g. f16, q8_0, q4_k.", show_default=False)
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A .gguf file (NAME.TYPE.gguf beside it).", show_default=False),
    ] = None,
    vae: Annotated[str | None, typer.Option(help="A VAE to bake in.", show_default=False)] = None,
    rules: Annotated[
        str | None, typer.Option(help="Other types for some tensors: pattern=type,...", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Write a model as GGUF in another type; prints where."""
    from .models import convert_file

    more = o.drop_unset(
        output_path=output, vae_path=vae, tensor_type_rules=rules, overwrite=overwrite or None
    )
    convert_file({"input_path": source, "output_type": output_type, **more}, server, api_key)


@app.command(
    epilog=examples(
        "sdcpp models load v1-5-pruned-emaonly.safetensors",
        "sdcpp models load z_image-Q8_0.gguf -t diffusion --with vae=ae.safetensors --with llm=qwen3.gguf",
        "sdcpp models load big.safetensors --option vae_tiling=true --option n_threads=4",
        f"[dim]Parts: {', '.join(COMPONENT_NAMES)}. Options: as in POST /models/load.[/dim]",
        ENDS,
    )
)
def load(
    name: Name,
    kind: Annotated[
        str | None,
        typer.Option(
            "--type",
            "-t",
            help="checkpoint or diffusion (its folder's).",
            show_default=False,
            autocompletion=o.list_main_types,
        ),
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="PART=FILE", help="A file that it needs (picked for you)."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="How it is loaded.")
    ] = None,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Load a model; ends when it is in memory. The server loads it again when it is started anew."""
    from .models import load_model

    load_model(name, kind, parts or [], settings or [], server, api_key)


@app.command(epilog=examples("sdcpp models unload"))
def unload(server: o.Url = o.HERE, api_key: o.ApiKey = None) -> None:
    """Free the loaded model's memory, once the running job is done."""
    from .models import unload_model

    unload_model(server, api_key)


@app.command(epilog=examples("sdcpp models du", "sdcpp models du --by set"))
def du(
    by: Annotated[str, typer.Option(help="type, model or set.")] = "type",
    as_json: Json = False,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """What models take on the disk, largest first, and files that are there twice (by their SHA-256)."""
    from .disk_usage import show_usage

    show_usage(by, as_json, server, api_key)


add_model_commands(app)
