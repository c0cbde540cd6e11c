"""`sdcpp generate`."""

import sys
from dataclasses import dataclass
from typing import Any, Self

import typer

from ..errors import SdcppError
from ..schemas.jobs import JobStatus, JobView
from .exits import failed, interrupted, refused
from .naming import Destination
from .remote import Server
from .watching import progress_shown, watch


@dataclass(frozen=True)
class Order:
    """Bodies of POST /txt2img and, if a model is to be loaded first, of POST /models/load."""

    request: dict[str, Any]
    load: dict[str, Any] | None

    @classmethod
    def of(cls, request: dict[str, Any], load: dict[str, Any] | None) -> Self:
        """Without what was not given: the server has the defaults."""
        return cls(_given(request), _given(load) if load else None)


def generate_files(order: Order, output: str | None, url: str, api_key: str | None) -> None:
    """Have the pictures made and write them; their paths go to standard output."""
    try:
        destination = Destination.of(output, order.request)
    except ValueError as error:
        raise refused(str(error)) from None
    try:
        with Server(url, api_key) as server:
            if order.load:
                _load(server, order.load)
            _write(server, destination, _made(server, order.request))
    except SdcppError as error:
        raise failed(str(error)) from None
    except OSError as error:
        raise failed(f"Cannot write {error.filename or destination}: {error.strerror or error}") from None
    except KeyboardInterrupt:
        raise interrupted("interrupted") from None


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _load(server: Server, request: dict[str, Any]) -> None:
    health = server.health()
    loaded = {"model_name": health.model_name, "model_type": health.model_type}
    loaded |= dict(health.loaded_components)
    if any(loaded.get(name) != value for name, value in request.items()):
        _say(f"loading {request['model_name']}")
        _warn(server.load(request).warnings)


def _made(server: Server, request: dict[str, Any]) -> JobView:
    """The completed job. Ctrl-C cancels it."""
    with server.events() as events:
        accepted = server.submit(request)
        _warn(accepted.warnings)
        try:
            with progress_shown() as show:
                job = watch(server, events, accepted.job_id, show)
        except KeyboardInterrupt:
            raise interrupted(_cancelled(server, accepted.job_id)) from None
    if job.status is not JobStatus.COMPLETED:
        raise failed(job.error or f"the job was {job.status}")
    return job


def _cancelled(server: Server, job_id: str) -> str:
    try:
        server.cancel(job_id)
    except SdcppError as error:
        return f"interrupted, but the job could not be cancelled: {error}"
    return f"the job {job_id} was cancelled"


def _write(server: Server, destination: "Destination", job: JobView) -> None:
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
    _say(f"seed {seed}")


def _warn(warnings: list[str] | None) -> None:
    for warning in warnings or []:
        _say(f"note: {warning}")


def _say(words: str) -> None:
    typer.echo(words, err=True)
