"""`sdcpp demo`."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import typer

from ..client import Client, ClientError, ServerUnreachable
from ..config import Settings
from ..demo.model import DemoModel
from ..schemas.jobs import JobView
from . import ports
from .command_name import command_name
from .demo_model import print_demo, with_demo_model
from .exit_codes import exit_failed, exit_interrupted
from .flags import Flags, read_settings_of
from .job_progress import show_job, show_progress
from .serve import announce, local_url, run_to_the_end

PROMPT = "a lovely cat"


def demonstrate(config: Path | None, flags: Flags, once: bool) -> None:
    """Serve, make a picture over HTTP, tell how to go on; with `once` end then."""
    # The tour tells what happens; the log would only get between its lines.
    flags = {"logging": {"level": "error"}, **flags}
    chosen = flags.get("server", {})
    settings = read_settings_of(config, flags)
    server = settings.server
    if (
        "port" not in chosen
        and "ws_port" not in chosen
        and _find_taken_port(server.host, server.port, server.ws_port)
    ):
        typer.echo(f"Port {server.port} or {server.ws_port} is in use: taking free ones.")
        flags["server"] = {**chosen, "port": 0, "ws_port": 0}
    flags["engine"] = {"load_on_start": False}
    settings = with_demo_model(config, flags)
    tour = _Tour(once)
    run_to_the_end(settings, tour.start)
    tour.end()


def _find_taken_port(host: str, *numbers: int) -> bool:
    return any(ports.find_problem(host, number) is not None for number in numbers)


class _Tour:
    """A client in a thread of its own, since the server has the main one."""

    def __init__(self, once: bool) -> None:
        self._once = once
        self._problem: str | None = None
        self._done = False
        self._thread: threading.Thread | None = None

    def start(self, settings: Settings, stop: Callable[[], None]) -> None:
        """Begin, now that the server answers."""
        loop = asyncio.get_running_loop()

        def stop_from_thread() -> None:
            with suppress(RuntimeError):  # the server has ended already
                loop.call_soon_threadsafe(stop)

        self._thread = threading.Thread(target=self._run, args=(settings, stop_from_thread), daemon=True)
        announce(settings)
        self._thread.start()

    def end(self) -> None:
        """Once the server has ended: tell a problem."""
        if self._thread is not None:
            self._thread.join(5.0)
        if self._problem is not None and not self._done:
            raise exit_failed(f"{self._problem}\nsdcpp: run '{command_name()} doctor' to see what is missing")
        if not self._done:
            raise exit_interrupted("interrupted before there was a picture")

    def _run(self, settings: Settings, stop: Callable[[], None]) -> None:
        try:
            _make_a_picture(settings, self._once)
            self._done = True
        except ServerUnreachable:
            pass  # it answered before: Ctrl-C has ended it meanwhile
        except ClientError as error:
            self._problem = str(error)
        finally:
            if self._once or not self._done:
                stop()


def _make_a_picture(settings: Settings, once: bool) -> None:
    paths = settings.paths
    print_demo(settings)
    typer.echo(f"Pictures go to {paths.output_dir}, the queue is kept in {paths.data_dir}.")
    with Client(local_url(settings.server), settings.server.plain_key) as server:
        with show_progress() as show:
            show("loading the model")
            server.load_model(**DemoModel().load_request().model_dump(exclude_none=True))
            server.load_upscaler(**DemoModel().upscaler_request().model_dump())
            show(f'drawing "{PROMPT}"')
            job = server.wait(server.generate(PROMPT), on_change=partial(show_job, show))
        _print_next_steps(settings, server, job, once)


def _print_next_steps(settings: Settings, server: Client, job: JobView, once: bool) -> None:
    lead = f"The server ends now; {command_name()} demo goes on serving. Then try" if once else "Try"
    key = " -H 'X-API-Key: YOUR_KEY'" if settings.server.api_keys else ""
    typer.echo(
        f"\nPicture:  {settings.paths.output_dir / job.outputs[0]}\n"
        f"          {server.output_url(job.outputs[0])}\n"
        f"API:      {server.url}/docs\n"
        f"Queue:    {server.url}/queue\n\n"
        f"{lead}:\n     curl {server.url}/txt2img{key} -H 'Content-Type: application/json'"
        """ -d '{"prompt": "a rocket on a blue background"}'\n"""
        f'     {command_name()} generate "a red heart" --server {server.url}\n'
    )
    if not once:
        typer.echo("Ctrl-C ends the server.")
