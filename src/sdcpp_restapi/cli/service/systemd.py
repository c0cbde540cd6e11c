"""Where systemd's units are, and what it is asked."""

import os
import shutil
import subprocess
from pathlib import Path

from ..exit_codes import exit_failed
from .units import Service, format_systemd

SYSTEM_UNITS = Path("/etc/systemd/system")
# There while systemd runs this machine (sd_booted(3)).
RUNNING = Path("/run/systemd/system")


def unit_file(name: str, of_system: bool) -> Path:
    """The file of a unit."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return (SYSTEM_UNITS if of_system else config / "systemd/user") / f"{name}.service"


def install(service: Service, start: bool) -> list[str]:
    """Write the unit, and start it now and at each boot; what to say about it.

    Exits with a sentence when systemd does not start it. Raises OSError.
    """
    of_system = service.user is not None
    file = unit_file(service.name, of_system)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(format_systemd(service), "utf-8")
    said = [f"Wrote {file}"]
    steps = [("daemon-reload",), ("enable", "--now", service.name)]
    if start and _is_running():
        for step in steps:
            if problem := _ask(of_system, *step)[1]:
                raise exit_failed(f"{file} is written, but systemd says: {problem}")
        return [*said, f"{service.name} runs", *_linger(of_system)]
    return [*said, "To start it now and at each boot:", *(f"  {_spell(of_system, *step)}" for step in steps)]


def uninstall(name: str, of_system: bool) -> list[str]:
    """Stop the unit and remove its file; what to say about it. Raises OSError."""
    file = unit_file(name, of_system)
    if not file.is_file():
        return []
    problem = _ask(of_system, "disable", "--now", name)[1] if _is_running() else ""
    file.unlink()
    if _is_running():
        _ask(of_system, "daemon-reload")
    return [line for line in (problem, f"Removed {file}") if line]


def describe(name: str, of_system: bool) -> str | None:
    """A line about a unit; None = it is not installed."""
    file = unit_file(name, of_system)
    if not file.is_file():
        return None
    if not _is_running():
        return f"{file}: systemd does not run here"
    return f"{file}: {_ask(of_system, 'is-active', name)[0]}, {_ask(of_system, 'is-enabled', name)[0]}"


def _linger(of_system: bool) -> list[str]:
    return [] if of_system else ["It ends when you log out, unless you run once: loginctl enable-linger"]


def _is_running() -> bool:
    return RUNNING.is_dir() and shutil.which("systemctl") is not None


def _ask(of_system: bool, *words: str) -> tuple[str, str]:
    """What systemctl answers, and what it complains about."""
    ended = subprocess.run([*_systemctl(of_system), *words], capture_output=True, text=True, timeout=120)
    return ended.stdout.strip(), ended.stderr.strip() if ended.returncode else ""


def _spell(of_system: bool, *words: str) -> str:
    return " ".join([*_systemctl(of_system), *words])


def _systemctl(of_system: bool) -> list[str]:
    return ["systemctl"] if of_system else ["systemctl", "--user"]
