"""Parametrised tests whose cases each prove a field."""

from collections.abc import Iterable
from typing import Any

import pytest

type Params = dict[str, Any]


def changes(endpoint: str, changed: Iterable[Params]) -> list[Any]:
    """One case a change of some request; it proves the field that comes first in it."""
    return [_proving(f"{endpoint}.{next(iter(one))}", one) for one in changed]


def pairs(endpoint: str, both: Iterable[tuple[Params, Params]]) -> list[Any]:
    """One case a pair of requests; it proves the first field of the second in which they differ."""
    return [_proving(f"{endpoint}.{_first_difference(one, other)}", one, other) for one, other in both]


def fields(endpoint: str, names: Iterable[str], passed: bool = False) -> list[Any]:
    """One case a field."""
    return [
        pytest.param(name, marks=pytest.mark.proves(f"{endpoint}.{name}", passed=passed), id=name)
        for name in names
    ]


def _proving(field: str, *requests: Params) -> Any:
    return pytest.param(*requests, marks=pytest.mark.proves(field), id=_short(requests[-1]))


def _first_difference(one: Params, other: Params) -> str:
    return next(name for name in other if name not in one or one[name] != other[name])


def _short(params: Params) -> str:
    text = ",".join(f"{name}={value}" if len(str(value)) < 40 else name for name, value in params.items())
    return text[:100]
