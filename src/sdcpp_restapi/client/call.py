"""One request, described without sending it: the blocking and the asynchronous client send the same ones."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from ..schemas.options import ErrorBody
from .address import Address
from .failures import ServerRefused, ServerUnreachable, UnknownServer

if TYPE_CHECKING:
    import httpx

# Seconds that the server gets to answer, and to be reached.
ANSWER_SECONDS = 30.0
CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Call[Answer]:
    """A request, and how its answer is read; `read` raises pydantic's ValidationError."""

    method: str
    path: str
    read: Callable[[bytes], Answer]
    body: object = None
    query: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = ANSWER_SECONDS

    def for_httpx(self, address: Address) -> dict[str, Any]:
        """The arguments of httpx's `request`."""
        import httpx

        return {
            "method": self.method,
            "url": address.url + self.path,
            "json": self.body,
            "params": self.query,
            "timeout": httpx.Timeout(self.seconds, connect=min(self.seconds, CONNECT_SECONDS)),
        }

    def read_answer(self, answer: "httpx.Response", address: Address) -> Answer:
        """What the answer says. Raises ServerRefused, UnknownServer."""
        if answer.is_error:
            raise _refusal(answer)
        try:
            return self.read(answer.content)
        except ValidationError:
            raise UnknownServer(f"What answers at {address.url} is not an SDCPP-RESTAPI server") from None


def ask[Answer: BaseModel](
    shape: type[Answer],
    method: str,
    path: str,
    body: object = None,
    query: Mapping[str, Any] | None = None,
    seconds: float = ANSWER_SECONDS,
) -> Call[Answer]:
    """A call whose answer is JSON of this shape."""
    return Call(method, path, shape.model_validate_json, body, query or {}, seconds)


def unreachable(address: Address, error: Exception) -> ServerUnreachable:
    """What to raise for an error of httpx."""
    return ServerUnreachable(f"No server answers at {address.url} ({error or type(error).__name__})")


def describe_as_method(method: Callable[..., Any], description: Callable[..., Call[Any]]) -> None:
    """Give a client's method the name, text and parameters of what describes its request."""
    signature = inspect.signature(description)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    method.__name__ = method.__qualname__ = description.__name__
    method.__doc__ = description.__doc__
    vars(method)["__signature__"] = signature.replace(
        parameters=[itself, *signature.parameters.values()],
        return_annotation=get_args(signature.return_annotation)[0],
    )


def _refusal(answer: "httpx.Response") -> ServerRefused:
    try:
        told = ErrorBody.model_validate_json(answer.content)
    except ValidationError:
        sentence = f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}".rstrip()
        return ServerRefused(sentence, answer.status_code)
    sentence = told.error.removeprefix("Internal error: ")
    return ServerRefused(sentence, answer.status_code, told.code, told.field)
