"""`sdcpp generate`."""

import sys
from dataclasses import dataclass
from typing import Any, Self

import typer

from ..client import Client
from ..schemas.jobs import JobView
from .connection import connected
from .exit_codes import exit_failed, exit_refused, warn
from .job_progress import wait_for_job
from .output_names import Destination


@dataclass(frozen=True)
class GenerateOptions:
    """Bodies of POST /txt2img and, if a model is to be loaded first, of POST /models/load."""

    request: dict[str, Any]
    load: dict[str, Any] | None

    @classmethod
    def of(cls, request: dict[str, Any], load: dict[str, Any] | None) -> Self:
        """Without what was not given: the server has the defaults."""
        return cls(_read_images(request), _read_images(load) if load else None)


def generate_files(order: GenerateOptions, output: str | None, url: str, api_key: str | None) -> None:
    """Have the pictures made and write them; their paths go to standard output."""
    try:
        destination = Destination.of(output, order.request)
    except ValueError as error:
        raise exit_refused(str(error)) from None
    try:
        with connected(url, api_key) as server:
            if order.load:
                _load(server, order.load)
            _write(server, destination, _make(server, order.request))
    except OSError as error:
        raise exit_failed(
            f"Cannot write {error.filename or destination}: {error.strerror or error}"
        ) from None


def _read_images(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _load(server: Client, request: dict[str, Any]) -> None:
    health = server.health()
    loaded = {"model_name": health.model_name, "model_type": health.model_type}
    loaded |= dict(health.loaded_components)
    if any(loaded.get(name) != value for name, value in request.items()):
        _print(f"loading {request['model_name']}")
        warn(server.load_model(**request).warnings)


def _make(server: Client, request: dict[str, Any]) -> JobView:
    accepted = server.generate(**request)
    warn(accepted.warnings)
    return wait_for_job(server, accepted.job_id)


def _write(server: Client, destination: "Destination", job: JobView) -> None:
    seed = int(str(job.params.get("seed", 0)))
    for number, output in enumerate(job.outputs):
        data = server.output(output)
        if destination.is_stdout:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            continue
        path = destination.path(number, len(job.outputs), seed + number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        typer.echo(path)
    _print(f"seed {seed}")
    if job.params.get("keep_journal"):
        _print(f"job {job.job_id}")


def _print(words: str) -> None:
    typer.echo(words, err=True)
