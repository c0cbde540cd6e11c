"""Where settings come from, and how a bad one is told: in a sentence that names the place to correct."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from .schemas.addresses import hide_secrets

type Flags = Mapping[str, Mapping[str, Any]]

# Flags that are not called after their setting.
FLAG_OF = {("logging", "level"): "--log-level"}


class Environment(EnvSettingsSource):
    """SDCPP_SECTION_NAME. Lists may be written `a,b` or as JSON, tables are JSON."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """What is neither is handed on as it is: the check of its type tells then what is wrong."""
        if _is_list(field) and not value.lstrip().startswith("["):
            named = [part.strip() for part in value.split(",") if part.strip()]
            # Blank keys are a mistake to be told: without any the server would be open.
            return named or ([""] if _mentions_secret(field.annotation) else [])
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _is_list(field: FieldInfo | None) -> bool:
    """Also one that may be None."""
    kinds = (field.annotation, *get_args(field.annotation)) if field else ()
    return any(get_origin(kind) is list for kind in kinds)


def from_all_sources[Model: BaseSettings](model: type[Model], file: Path | None, flags: Flags) -> Model:
    """Flags go before the environment, and that before the TOML file."""

    class Sourced(model):  # type: ignore[valid-type, misc]
        model_config = SettingsConfigDict(toml_file=file)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            **_others: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, Environment(settings_cls), TomlConfigSettingsSource(settings_cls)

    return Sourced(**flags)


def explain(error: ValidationError, model: type[BaseModel], flags: Flags, file: Path | None) -> str:
    """Every problem of the settings, each with where it was written, the value, and what is allowed."""
    return "; ".join(_describe_problem(dict(detail), model, flags, file) for detail in error.errors())


def _describe_problem(detail: dict[str, Any], model: type[BaseModel], flags: Flags, file: Path | None) -> str:
    loc = tuple(str(part) for part in detail["loc"])
    place, where = _find_origin(loc, flags, file)
    if detail["type"] == "extra_forbidden":
        return f"{place}{where}: there is no such setting{_find_similar(loc, model)}"
    message = detail["msg"].removeprefix("Value error, ").replace("Input should", "it should", 1)
    value = "this value" if _may_hold_secret(loc, model) else _shorten(detail["input"])
    return f"{place} = {value}{where} is not allowed: {message}"


def _find_origin(loc: tuple[str, ...], flags: Flags, file: Path | None) -> tuple[str, str]:
    """The name as its author wrote it, and ' in FILE' where that helps."""
    section, name = loc[0], loc[1] if len(loc) > 1 else None
    if name is not None and name in flags.get(section, {}):
        return FLAG_OF.get((section, name), "--" + name.replace("_", "-")), ""
    variables = {key.upper() for key in os.environ}
    variable = f"SDCPP_{section}_{name}".upper()
    if name is not None and variable in variables:
        return ".".join((variable, *loc[2:])), ""
    if f"SDCPP_{section}".upper() in variables:
        return ".".join((f"SDCPP_{section}".upper(), *loc[1:])), ""
    return ".".join(loc), f" in {file}" if file else ""


def _may_hold_secret(loc: tuple[str, ...], model: type[BaseModel]) -> bool:
    """Whether the value at this place is a secret, or a table with one in it."""
    known: object = model
    for part in loc:
        if not (isinstance(known, type) and issubclass(known, BaseModel)):
            break
        if part not in known.model_fields:
            return True  # who knows what was meant for what
        known = known.model_fields[part].annotation
    return _mentions_secret(known)


def _mentions_secret(kind: object) -> bool:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return any(_mentions_secret(field.annotation) for field in kind.model_fields.values())
    return kind in (SecretStr, SecretBytes) or any(_mentions_secret(inner) for inner in get_args(kind))


def _find_similar(loc: tuple[str, ...], model: type[BaseModel]) -> str:
    known: dict[str, FieldInfo] = dict(model.model_fields)
    for part in loc[:-1]:
        inner = known[part].annotation if part in known else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ""
        known = dict(inner.model_fields)
    close = get_close_matches(loc[-1], known, n=1)
    if close:
        return f"; did you mean {'.'.join((*loc[:-1], close[0]))}?"
    return f"; there are {', '.join(sorted(known))}"


def _shorten(value: object) -> str:
    text = hide_secrets(repr(str(value) if isinstance(value, Path) else value))
    return text if len(text) <= 80 else text[:80] + "..."
