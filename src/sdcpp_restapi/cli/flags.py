"""From a command's flags to settings."""

from pathlib import Path

from ..config import Settings, read_settings
from ..errors import BadSettings
from .exit_codes import exit_refused

type Flags = dict[str, dict[str, object]]

SETTING_OF = {
    "host": ("server", "host"),
    "port": ("server", "port"),
    "ws_port": ("server", "ws_port"),
    "models_dir": ("paths", "models_dir"),
    "output_dir": ("paths", "output_dir"),
    "data_dir": ("paths", "data_dir"),
    "nats": ("cluster", "urls"),
    "name": ("cluster", "name"),
    "log_level": ("logging", "level"),
}


def group_by_section(**drop_unset: object) -> Flags:
    """The flags that were given, as read_settings wants them."""
    flags: Flags = {}
    for name, value in drop_unset.items():
        if value is not None:
            section, setting = SETTING_OF[name]
            flags.setdefault(section, {})[setting] = value
    return flags


def read_settings_of(config: Path | None, flags: Flags) -> Settings:
    """The settings, or one sentence about them and exit code 2."""
    try:
        return read_settings(config, flags)
    except BadSettings as error:
        raise exit_refused(str(error)) from None
