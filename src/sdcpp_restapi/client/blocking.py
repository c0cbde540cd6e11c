"""The client for programs that wait for each answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Concatenate, Self

from ..schemas.events import Event
from ..schemas.jobs import FINAL, JobView
from . import calls
from .address import Address, Trust
from .call import Call, describe_as_method, unreachable
from .events import connection_options, events_end, parse_event
from .files import output_url, write_files
from .job_changes import POLL_SECONDS, SILENCE_SECONDS, AnyJob, apply_event, completed, id_of


def _sending[**Arguments, Answer](
    describe: Callable[Arguments, Call[Answer]],
) -> Callable[Concatenate["Client", Arguments], Answer]:
    def method(self: "Client", /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        return self.send(describe(*args, **kwargs))

    describe_as_method(method, describe)
    return method


class Client:
    """A server; methods raise ServerUnreachable, ServerRefused, UnknownServer."""

    def __init__(self, url: str | None = None, api_key: str | None = None, ca: Trust = None) -> None:
        """What is not given comes from SDCPP_URL, SDCPP_API_KEY and SDCPP_CA; without: http://127.0.0.1:8080."""
        import httpx

        self._address = Address.find(url, api_key, ca)
        self._http = httpx.Client(
            headers=self._address.headers,
            trust_env=not self._address.is_local,
            verify=self._address.verify,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    @property
    def url(self) -> str:
        """The server's address."""
        return self._address.url

    def send[Answer](self, call: Call[Answer]) -> Answer:
        """Send a request that was described."""
        import httpx

        try:
            answer = self._http.request(**call.for_httpx(self._address))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(self._address, error) from None
        return call.read_answer(answer, self._address)

    generate = _sending(calls.generate)
    edit = _sending(calls.edit)
    upscale = _sending(calls.upscale)
    submit = _sending(calls.submit)
    plan = _sending(calls.plan)
    convert = _sending(calls.convert)
    job = _sending(calls.job)
    queue = _sending(calls.queue)
    cancel = _sending(calls.cancel)
    delete = _sending(calls.delete)
    restore = _sending(calls.restore)
    output = _sending(calls.output)
    models = _sending(calls.models)
    models_in_detail = _sending(calls.models_in_detail)
    inspect_model = _sending(calls.inspect_model)
    hash_model = _sending(calls.hash_model)
    download_model = _sending(calls.download_model)
    resolve_link = _sending(calls.resolve_link)
    search_models = _sending(calls.search_models)
    model_updates = _sending(calls.model_updates)
    model_duplicates = _sending(calls.model_duplicates)
    change_model = _sending(calls.change_model)
    delete_model = _sending(calls.delete_model)
    model_trash = _sending(calls.model_trash)
    restore_models = _sending(calls.restore_models)
    model_sets = _sending(calls.model_sets)
    model_set = _sending(calls.model_set)
    plan_pull = _sending(calls.plan_pull)
    pull = _sending(calls.pull)
    remove_set = _sending(calls.remove_set)
    update_sets = _sending(calls.update_sets)
    load_model = _sending(calls.load_model)
    unload_model = _sending(calls.unload_model)
    load_upscaler = _sending(calls.load_upscaler)
    unload_upscaler = _sending(calls.unload_upscaler)
    health = _sending(calls.health)
    options = _sending(calls.options)
    architectures = _sending(calls.architectures)
    workers = _sending(calls.workers)

    def output_url(self, path: str) -> str:
        """Where an output of a job is."""
        return output_url(self.url, path)

    def outputs(self, job: JobView) -> list[bytes]:
        """All files of a completed job."""
        return [self.output(path) for path in job.outputs]

    def save(self, job: JobView, folder: str | Path = ".") -> list[Path]:
        """Write all files of a completed job into a folder; their paths. Raises OSError."""
        return write_files(folder, job.outputs, self.outputs(job))

    def wait(
        self,
        job: AnyJob,
        seconds: float | None = None,
        on_change: Callable[[JobView], None] = lambda _job: None,
    ) -> JobView:
        """The completed job; `on_change` is called with each of its states until then. Raises JobUnsuccessful
        if it does not complete, TimeoutError if it has not ended after `seconds`."""
        for seen in self.follow(job, seconds):
            on_change(seen)
        return completed(seen, seconds)

    def follow(self, job: AnyJob, seconds: float | None = None) -> Iterator[JobView]:
        """The job now, and after each change until it has ended or `seconds` are over."""
        until = None if seconds is None else time.monotonic() + seconds
        with self.events() as events:
            seen = self.job(id_of(job))
            yield seen
            while seen.status not in FINAL:
                left = SILENCE_SECONDS if until is None else until - time.monotonic()
                if left <= 0:
                    return
                seen = self._next_change(events, seen, min(left, SILENCE_SECONDS))
                yield seen

    @contextmanager
    def events(self, previews: bool = False) -> Iterator["Events"]:
        """What happens from now on, to all jobs and models; with `previews` also pictures of running jobs."""
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        with ExitStack() as stack:
            try:
                connection = stack.enter_context(connect(**connection_options(self._address, previews)))
            except (OSError, WebSocketException) as error:
                yield Events(self._address, None, error)
            else:
                yield Events(self._address, connection.recv)

    def _next_change(self, events: "Events", job: JobView, seconds: float) -> JobView:
        until = time.monotonic() + seconds
        while event := events.next(max(until - time.monotonic(), 0.0)):
            changed = apply_event(job, event)
            if changed is None:
                break
            if changed is not job:
                return changed
        return self.job(job.job_id)


class Events:
    """The events of a server, in order; an iterator that raises ServerUnreachable where there are no more."""

    def __init__(
        self, address: Address, receive: Callable[[float | None], str | bytes] | None, reason: object = None
    ) -> None:
        """`receive` returns the next message, or raises TimeoutError after so many seconds; None, for
        `reason`, where there are none."""
        self._address = address
        self._receive = receive
        self._reason = reason

    def __iter__(self) -> Iterator[Event]:
        while self._receive is not None:
            if event := self.next(None):
                yield event
        raise events_end(self._address, self._reason)

    def next(self, seconds: float | None) -> Event | None:
        """The next event, or None when there was none for so long, or there are no more."""
        from websockets.exceptions import WebSocketException

        if self._receive is None:
            time.sleep(POLL_SECONDS if seconds is None else min(seconds, POLL_SECONDS))
            return None
        try:
            return parse_event(self._receive(seconds))
        except TimeoutError:
            return None
        except (WebSocketException, ValueError) as error:
            self._reason, self._receive = error, None
            return None
