"""Where launchd's agents are, and what it is asked. Written after Apple's manual pages; untested."""

import subprocess
from pathlib import Path

from ..exit_codes import exit_failed
from .units import Service, format_launchd


def agent_file(name: str) -> Path:
    """The property list of an agent."""
    return Path.home() / f"Library/LaunchAgents/sdcpp.{name}.plist"


def install(service: Service, start: bool) -> list[str]:
    """Write the agent, and start it now and at each login; what to say about it. Raises OSError."""
    file = agent_file(service.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    # It holds the variables of the settings file: keys.
    file.touch(mode=0o600)
    file.write_bytes(format_launchd(service, service.writes[0] / "service.log"))
    load = ["launchctl", "load", "-w", str(file)]
    if not start:
        return [f"Wrote {file}", "To start it now and at each login:", f"  {' '.join(load)}"]
    ended = subprocess.run(load, capture_output=True, text=True, timeout=60)
    if ended.returncode != 0:
        raise exit_failed(f"{file} is written, but launchd says: {ended.stderr.strip()}")
    return [f"Wrote {file}", f"{service.name} runs"]


def uninstall(name: str) -> list[str]:
    """Stop the agent and remove its file; what to say about it. Raises OSError."""
    file = agent_file(name)
    if not file.is_file():
        return []
    subprocess.run(["launchctl", "unload", "-w", str(file)], capture_output=True, timeout=60)
    file.unlink()
    return [f"Removed {file}"]


def describe(name: str) -> str | None:
    """A line about an agent; None = it is not installed."""
    file = agent_file(name)
    if not file.is_file():
        return None
    listed = subprocess.run(["launchctl", "list", f"sdcpp.{name}"], capture_output=True, timeout=60)
    return f"{file}: {'loaded' if listed.returncode == 0 else 'not loaded'}"
