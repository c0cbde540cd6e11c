"""Settings that have another name than in an earlier release.

An old name is refused with the new one: two names for one setting would have to be explained for ever.
`sdcpp upgrade` says all of them at once, and rewrites a file.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class RenamedSetting(NamedTuple):
    """Both names as `section.name`, and the release since which the new one holds."""

    old: str
    new: str
    since: str


# Newest last. Nothing was renamed so far; a setting that gets another name leaves its old one here.
RENAMED: tuple[RenamedSetting, ...] = ()


class OldName(NamedTuple):
    """An old name that somebody still uses: in the file, or as a variable of the environment."""

    written: str
    setting: RenamedSetting
    is_variable: bool

    @property
    def now(self) -> str:
        """The new name, as it is to be written in that place."""
        return variable_of(self.setting.new) if self.is_variable else self.setting.new

    def __str__(self) -> str:
        return f"{self.written} is called {self.now} since {self.setting.since}"


def variable_of(setting: str) -> str:
    """The environment variable of a setting."""
    return f"SDCPP_{setting.replace('.', '_')}".upper()


def find_old_names(
    content: Mapping[str, Any], environment: Iterable[str], renamed: Iterable[RenamedSetting] | None = None
) -> list[OldName]:
    """Old names in the content of a configuration file and among the names of variables."""
    variables = {name.upper() for name in environment}
    found = []
    for setting in RENAMED if renamed is None else renamed:
        section, _, name = setting.old.partition(".")
        values = content.get(section)
        if isinstance(values, Mapping) and name in values:
            found.append(OldName(setting.old, setting, is_variable=False))
        if variable_of(setting.old) in variables:
            found.append(OldName(variable_of(setting.old), setting, is_variable=True))
    return found
