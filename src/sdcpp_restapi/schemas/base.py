"""What all shapes have in common."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, model_validator

# For unions of shapes: validators are built when they are first needed, as no process needs all of them.
LATE = ConfigDict(defer_build=True)


class Frozen(BaseModel):
    """Immutable data, checked once when it is made."""

    # Validators are built when they are first needed, which costs a start nothing. Several threads may need
    # one at the same moment: Pydantic has a lock for that from 2.14 on.
    model_config = ConfigDict(frozen=True, protected_namespaces=(), ser_json_inf_nan="null", defer_build=True)


class Request(Frozen):
    """A body sent by a client: unknown fields are kept aside so that they can be reported, never dropped
    in silence."""

    # With any bound on their length, Pydantic refuses texts with lone surrogates, which JSON escapes allow
    # and no answer, file or engine could carry.
    model_config = ConfigDict(extra="allow", str_max_length=2**31)

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: object) -> object:
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data

    def unknown_fields(self) -> list[str]:
        """Names of the fields that the client sent and nobody knows, also of those inside of others."""
        inner = (
            f"{place}.{unknown}"
            for name in type(self).model_fields
            for place, request in _requests_in(name, getattr(self, name))
            for unknown in request.unknown_fields()
        )
        return [*sorted(self.model_extra or {}), *inner]

    def warn_of_unknown_fields(self) -> list[str]:
        """A sentence for each field that the client sent and nobody knows."""
        return [f"unknown field {name!r} was ignored" for name in self.unknown_fields()]

    def known(self) -> Self:
        """The same request without its unknown fields."""
        given = {name: getattr(self, name) for name in self.model_fields_set & set(type(self).model_fields)}
        return self.model_validate({name: _without_unknown(value) for name, value in given.items()})


def _requests_in(place: str, value: object) -> Iterator[tuple[str, Request]]:
    """The requests that a field holds, whatever lists and objects are around them, and where they are."""
    if isinstance(value, Request):
        yield place, value
    elif isinstance(value, Mapping | list | tuple):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _requests_in(f"{place}.{key}", item)


def _without_unknown(value: object) -> object:
    if isinstance(value, Request):
        return value.known()
    if isinstance(value, Mapping):
        return {key: _without_unknown(item) for key, item in value.items()}
    return [_without_unknown(item) for item in value] if isinstance(value, list | tuple) else value


def _no_boolean(value: object) -> object:
    # Pydantic reads true as the number 1; a client that sends it has mixed up two fields.
    if isinstance(value, bool):
        raise ValueError("a number is required, not a boolean")
    return value


def is_none(value: object) -> bool:
    """Whether a field does not apply."""
    return value is None


# A field that is left out of the JSON where it does not apply, instead of being null.
LeftOut = Field(None, exclude_if=is_none)

NoBoolean = BeforeValidator(_no_boolean)
Integer = Annotated[int, NoBoolean]
Number = Annotated[FiniteFloat, NoBoolean]
# Bounds come before the validator, or the interface's description calls them "ge" and "le".
Fraction = Annotated[FiniteFloat, Field(ge=0.0, le=1.0), NoBoolean]
FlowShift = Annotated[FiniteFloat, Field(ge=0.0, le=1000.0), NoBoolean]
Seconds = Annotated[FiniteFloat, Field(gt=0.0), NoBoolean]
