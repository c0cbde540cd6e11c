"""The sub-commands; what each does is in a module of its own, imported when it is called."""

import os
from pathlib import Path
from typing import Annotated

import typer

from . import (
    access_commands,
    engine_commands,
    maintenance_commands,
    model_commands,
    model_file_commands,
    queue_commands,
    service_commands,
    set_commands,
)
from . import options as o
from .examples import ENDS, examples

app = typer.Typer(
    help="Image generation with [bold]stable-diffusion.cpp[/bold], over HTTP.",
    epilog=f"First steps: [bold]sdcpp demo[/bold] shows that everything works, [bold]sdcpp serve[/bold]"
    f" runs the server, [bold]sdcpp doctor[/bold] finds what is wrong.\n\n{ENDS}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    # A plain traceback is what a bug report needs.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(model_commands.app, name="models")
app.add_typer(queue_commands.app, name="queue")
app.add_typer(maintenance_commands.app)
app.add_typer(access_commands.keys, name="keys")
app.add_typer(access_commands.users, name="users")
app.add_typer(set_commands.app, name="sets")
set_commands.add_pull(app)
app.add_typer(engine_commands.app, name="engine")
app.add_typer(service_commands.app, name="service")


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"sdcpp {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    ca: Annotated[
        str | None,
        typer.Option(
            envvar="SDCPP_CA", metavar="FILE", help="Certificates to trust at an https server, in PEM."
        ),
    ] = None,
) -> None:
    if ca is not None:
        os.environ["SDCPP_CA"] = ca  # where the client library looks


@app.command(
    epilog=examples(
        "sdcpp serve",
        "sdcpp serve --host 0.0.0.0 --models-dir /mnt/models"
        "  [dim]with SDCPP_SERVER_API_KEYS=some-long-random-word[/dim]",
        "sdcpp serve --config sdcpp.toml --port 9000",
        "[dim]Every setting is also a line in the TOML file (section.name) and an environment variable"
        " (SDCPP_SECTION_NAME). Flags go before variables, variables before the file.[/dim]",
    )
)
def serve(
    host: o.Host = None,
    port: o.Port = None,
    ws_port: o.WsPort = None,
    models_dir: o.ModelsDir = None,
    output_dir: o.OutputDir = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
    nats: o.Nats = None,
    log_level: o.LogLevel = None,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="Copy a small demo model into the models folder; loaded if there was none before.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Run the server until Ctrl-C."""
    from .flags import group_by_section
    from .serve import serve_until_stopped

    listens = group_by_section(host=host, port=port, ws_port=ws_port, nats=nats, log_level=log_level)
    folders = group_by_section(models_dir=models_dir, output_dir=output_dir, data_dir=data_dir)
    serve_until_stopped(config, listens | folders, demo)


@app.command(
    epilog=examples(
        "sdcpp worker --nats nats://192.168.1.10:4222 --models-dir /mnt/models",
        "sdcpp worker --nats nats://broker:4222 --name cellar  [dim]with SDCPP_CLUSTER_TOKEN=secret[/dim]",
        "[dim]The server is started with the same --nats. Ctrl-C gives the job in hand back.[/dim]",
    )
)
def worker(
    nats: o.Nats = None,
    name: Annotated[
        str | None, typer.Option(help="What it is called (the name of this host).", show_default=False)
    ] = None,
    models_dir: o.ModelsDir = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
    log_level: o.LogLevel = None,
) -> None:
    """Run the jobs of a server on this machine, until Ctrl-C.

    The server sends jobs and input images through the broker and gets the results back the same way; the
    two share no folder. The models must be here, under the same names.
    """
    from .flags import group_by_section
    from .worker import work_until_stopped

    drop_unset = group_by_section(nats=nats, name=name) | group_by_section(
        models_dir=models_dir, data_dir=data_dir
    )
    work_until_stopped(config, drop_unset | group_by_section(log_level=log_level))


@app.command(epilog=examples("sdcpp workers", "sdcpp workers --json"))
def workers(
    as_json: Annotated[
        bool, typer.Option("--json", help="The server's answer, for programs.", show_default=False)
    ] = False,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """List the machines that take jobs off a running server's queue."""
    from .connection import connected
    from .workers import show_workers

    with connected(server, api_key) as remote:
        show_workers(remote.workers(), as_json)


@app.command(epilog=examples("sdcpp demo", "sdcpp demo --once --output-dir /tmp/pictures"))
def demo(
    host: o.Host = None,
    port: o.Port = None,
    ws_port: o.WsPort = None,
    models_dir: o.ModelsDir = None,
    output_dir: o.OutputDir = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
    log_level: o.LogLevel = None,
    once: Annotated[bool, typer.Option("--once", help="End after the picture.", show_default=False)] = False,
) -> None:
    """Show that everything works: start the server with a small model, draw "a lovely cat".

    Nothing is downloaded: the model comes with the package and is copied into the models folder. It draws
    emoji of what it knows: animals, food, things. The server goes on until Ctrl-C, for you to try.
    """
    from .demo import demonstrate
    from .flags import group_by_section

    listens = group_by_section(host=host, port=port, ws_port=ws_port, log_level=log_level)
    folders = group_by_section(models_dir=models_dir, output_dir=output_dir, data_dir=data_dir)
    demonstrate(config, listens | folders, once)


@app.command(
    epilog=examples(
        "sdcpp generate 'a lovely cat'",
        "sdcpp generate 'a lovely cat' -o cat.png --seed 42 --steps 30",
        "sdcpp generate 'a lovely cat' --batch-count 4 -o cat.png  [dim]cat-1.png ... cat-4.png[/dim]",
        "sdcpp generate 'a lovely cat' -o - | display",
        "sdcpp generate 'a lovely dog' --from-job ID --from-step 8  [dim]if ID had --keep-journal[/dim]",
        "sdcpp generate 'a lovely cat' --model v1-5-pruned-emaonly.safetensors",
        "[dim]Ctrl-C cancels the job. What is not given, the server fills in.[/dim]",
        ENDS,
    )
)
def generate(
    prompt: Annotated[str, typer.Argument(help="What to draw.", show_default=False)],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A .png file, a folder, or - for stdout.", show_default=False),
    ] = None,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
    negative: Annotated[str | None, o.picture("What to keep away from.")] = None,
    width: Annotated[int | None, o.picture("Pixels.")] = None,
    height: Annotated[int | None, o.picture("Pixels.")] = None,
    steps: Annotated[int | None, o.picture("Sampling steps.")] = None,
    cfg_scale: Annotated[float | None, o.picture("How closely to follow the prompt.")] = None,
    seed: Annotated[int | None, o.picture("The same seed draws the same picture.")] = None,
    sampler: Annotated[str | None, o.picture("E.g. euler_a; all at /options.", o.list_samplers)] = None,
    scheduler: Annotated[str | None, o.picture("E.g. karras; all at /options.", o.list_schedulers)] = None,
    batch_count: Annotated[int | None, o.picture("How many pictures.")] = None,
    keep_journal: Annotated[
        bool, o.switch("--keep-journal", "Keep the results of its steps, so that jobs can branch from it.")
    ] = False,
    from_job: Annotated[str | None, o.picture("Id of a job to branch from; with --from-step.")] = None,
    from_step: Annotated[int | None, o.picture("How many of its steps to take over.")] = None,
    model: Annotated[str | None, o.model("--model", "Its name in /models.")] = None,
    model_type: Annotated[
        str, o.model("--model-type", "checkpoint (default) or diffusion.", o.list_main_types)
    ] = "checkpoint",
    vae: Annotated[str | None, o.model("--model-vae", "Its VAE.")] = None,
    clip_l: Annotated[str | None, o.model("--model-clip-l", "Its CLIP-L.")] = None,
    clip_g: Annotated[str | None, o.model("--model-clip-g", "Its CLIP-G.")] = None,
    t5xxl: Annotated[str | None, o.model("--model-t5xxl", "Its T5.")] = None,
    llm: Annotated[str | None, o.model("--model-llm", "Its language model.")] = None,
) -> None:
    """Make pictures on a running server and fetch them."""
    from .generate import GenerateOptions, generate_files

    asked = {"width": width, "height": height, "steps": steps, "cfg_scale": cfg_scale, "seed": seed}
    asked |= {"sampler": sampler, "scheduler": scheduler, "batch_count": batch_count}  # type: ignore[dict-item]
    asked |= {"keep_journal": keep_journal or None, "from_job": from_job, "from_step": from_step}  # type: ignore[dict-item]
    parts = {"vae": vae, "clip_l": clip_l, "clip_g": clip_g, "t5xxl": t5xxl, "llm": llm}
    load = {"model_name": model, "model_type": model_type, **parts} if model else None
    order = GenerateOptions.of({"prompt": prompt, "negative_prompt": negative, **asked}, load)
    generate_files(order, output, server, api_key)


@app.command(
    epilog=examples(
        "sdcpp mcp --server http://gpu:8080",
        "[dim]It is the host that runs this: enter the command in its settings. A host that knows HTTP needs"
        " no command, only the address http://gpu:8080/mcp.[/dim]",
    )
)
def mcp(server: o.Url = o.HERE, api_key: o.ApiKey = None) -> None:
    """Give a language model the tools of a running server: the Model Context Protocol on stdin and stdout."""
    from .mcp import serve_host

    serve_host(server, api_key)


@app.command(
    epilog=examples(
        "sdcpp doctor",
        "sdcpp doctor --config sdcpp.toml --json",
        "sdcpp doctor --engine libstable-diffusion.so",
    )
)
def doctor(
    host: o.Host = None,
    port: o.Port = None,
    ws_port: o.WsPort = None,
    models_dir: o.ModelsDir = None,
    output_dir: o.OutputDir = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
    engine: Annotated[
        Path | None,
        typer.Option(help="Also draw with this library of the engine, and compare.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.", show_default=False)] = False,
) -> None:
    """Check everything that the server needs, and say what to do where something is missing.

    Takes the settings that `serve` would take. Exit code 1 when something is wrong.
    """
    from .doctor.report import examine
    from .flags import group_by_section

    listens = group_by_section(host=host, port=port, ws_port=ws_port)
    folders = group_by_section(models_dir=models_dir, output_dir=output_dir, data_dir=data_dir)
    examine(config, listens | folders, as_json, engine)


model_file_commands.add_root_commands(app)
