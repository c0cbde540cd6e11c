"""A configuration file, rewritten with new names: comments, order and spelling stay as they are."""

import tomllib
from collections.abc import Iterable
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.items import AbstractTable, Comment, Table, Whitespace

from ..errors import BadSettings
from .renamed import RenamedSetting


def rename_settings(text: str, settings: Iterable[RenamedSetting]) -> str:
    """The file with the new names. Raises BadSettings where it has both names, or where it fails."""
    document = tomlkit.parse(text)
    expected = tomllib.loads(text)
    for setting in settings:
        _rename_value(expected, setting)
        _rename(document, setting)
    rewritten = tomlkit.dumps(document)
    if tomllib.loads(rewritten) != expected:
        raise BadSettings("the file is written in a way that cannot be rewritten: change it by hand")
    return rewritten


def _rename_value(content: dict[str, Any], setting: RenamedSetting) -> None:
    section, name = setting.old.split(".")
    new_section, new_name = setting.new.split(".")
    target = content.setdefault(new_section, {})
    if new_name in target:
        raise BadSettings(f"{setting.old} and {setting.new} are both there: delete one of them")
    target[new_name] = content[section].pop(name)
    if not content[section]:
        del content[section]


def _rename(document: tomlkit.TOMLDocument, setting: RenamedSetting) -> None:
    section, name = setting.old.split(".")
    new_section, new_name = setting.new.split(".")
    table: Any = document[section]
    if section == new_section and isinstance(table, Table):
        document[section] = _with_other_key(table, name, new_name)
        return
    value = table.pop(name)
    if new_section not in document:
        document[new_section] = tomlkit.table()
    target: Any = document[new_section]
    target[new_name] = value
    if not table and not _has_comments(table):
        del document[section]


def _with_other_key(table: Table, name: str, new_name: str) -> Table:
    """The same table, entry by entry, so that the comments between them keep their places."""
    renamed = tomlkit.table()
    for key, item in table.value.body:
        if isinstance(item, Comment | Whitespace):
            renamed.add(item)
        elif key is not None:
            renamed.add(new_name if key.key == name else key.key, item)
    renamed.trivia.comment, renamed.trivia.comment_ws = table.trivia.comment, table.trivia.comment_ws
    return renamed


def _has_comments(table: Any) -> bool:
    body = table.value.body if isinstance(table, AbstractTable) else []
    return isinstance(table, AbstractTable) and any(
        key is None and item.as_string().strip() for key, item in body if not isinstance(item, Container)
    )
