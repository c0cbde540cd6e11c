"""Arguments of a command as a request, refused as the server would refuse it."""

from pydantic import BaseModel, ValidationError

from .exit_codes import exit_refused


def checked[M: BaseModel](shape: type[M], **values: object) -> M:
    """The request, or one sentence and exit code 2."""
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        named = str(first["loc"][0]).replace("_", "-") if first["loc"] else "the arguments"
        message = first["msg"].removeprefix("Value error, ")
        raise exit_refused(f"{named}: {first['input']!r} is not allowed: {message}") from None
