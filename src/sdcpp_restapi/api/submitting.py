"""How requests become jobs over HTTP: once for each Idempotency-Key, and answered at once or at the end."""

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from ..errors import BadRequest
from ..jobs.queue.request_keys import KeyedAnswer, RequestKey
from ..requester import REQUESTER
from ..schemas.jobs import JobView
from .app_state import AppState, State
from .error_handlers import ERRORS
from .response_cache import json_response
from .waiting import Wait, answer_at_end

# Visible ASCII characters, as a UUID has them; more than anybody needs.
_KEY = re.compile(r"[!-~]{1,255}")

_IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Names this request, for instance by a UUID: sent again within 24 hours, it makes no"
        " second job and gets the first answer",
        openapi_examples={"uuid": {"value": "8e03978e-40d5-43e8-bc93-6894a57f9324"}},
    ),
]
REUSED: dict[int | str, dict[str, Any]] = {409: ERRORS[400]}
ENDED: dict[int | str, dict[str, Any]] = {
    200: {"model": JobView, "description": "With `wait`: the job has ended"},
    **REUSED,
}
Submit = Callable[[RequestKey | None], Awaitable[BaseModel]]


class Submitter:
    """Answers one request with the job that it makes, or has made before."""

    def __init__(self, state: AppState, request: Request, key: str | None) -> None:
        self._state = state
        self._request = request
        self._key = key

    async def submit(self, submit: Submit, wait: float | None = None) -> Response:
        """`submit` makes the job, under the key that it is given; `wait`: seconds for its end.

        Raises BadRequest, IdempotencyKeyReused, and what `submit` raises.
        """
        answer = await self.accept(submit)
        if wait is None:
            response = json_response(answer.text, 202)
        else:
            job_id = json.loads(answer.text)["job_id"]
            response = await answer_at_end(self._state, self._request, job_id, wait)
        if answer.replayed:
            response.headers["idempotent-replayed"] = "true"
        return response

    async def accept(self, submit: Submit, content: Callable[[], bytes] | None = None) -> KeyedAnswer:
        """The answer of `submit`, or the one that this request got before.

        `content` tells two requests with the same key apart, in place of the body: a form is written anew
        each time. Raises as `submit` does.
        """
        if self._key is None:
            return KeyedAnswer((await submit(None)).model_dump_json(), replayed=False)
        if not _KEY.fullmatch(self._key):
            raise BadRequest(
                f"Idempotency-Key: {self._key[:60]!r} is not allowed: 1 to 255 visible ASCII characters",
                field="Idempotency-Key",
            )
        body = await self._request.body() if content is None else b""
        digest = await asyncio.to_thread(_digest, self._request.url.path, content or (lambda: body))
        return await self._state.request_keys.answer_once(
            RequestKey(_of_requester(self._key), digest), submit
        )


class WaitingSubmitter:
    """The same, with the query `wait`."""

    def __init__(self, submitter: Submitter, wait: float | None) -> None:
        self._submitter = submitter
        self._wait = wait

    async def submit(self, submit: Submit) -> Response:
        """See Submitter."""
        return await self._submitter.submit(submit, self._wait)


async def _submitter(state: State, request: Request, key: _IdempotencyKey = None) -> Submitter:
    return Submitter(state, request, key)


Once = Annotated[Submitter, Depends(_submitter)]


async def _waiting_submitter(once: Once, wait: Wait = None) -> WaitingSubmitter:
    return WaitingSubmitter(once, wait)


OnceAndWait = Annotated[WaitingSubmitter, Depends(_waiting_submitter)]


def _of_requester(key: str) -> str:
    """Two users may choose the same key: each is answered for the own request. No key has a space."""
    user = REQUESTER.get().user
    return f"{user} {key}" if user else key


def _digest(path: str, content: Callable[[], bytes]) -> str:
    found = hashlib.sha256(path.encode() + b"\n")
    found.update(content())
    return found.hexdigest()
