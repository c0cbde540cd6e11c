"""An error as it crosses a border: HTTP (`code` and `field` beside `error`), broker and child process."""

from .base import Frozen, LeftOut


class ErrorInfo(Frozen):
    """`code` is a stable word for programs, `message` is for people, `field` the request's field at fault."""

    code: str
    message: str
    field: str | None = LeftOut
