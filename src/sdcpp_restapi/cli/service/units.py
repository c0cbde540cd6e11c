"""What systemd and launchd are told of a server or a worker. From a description to a file."""

import plistlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

type Role = Literal["serve", "worker"]

# Seconds until a process that was told to end is killed, beyond the grace that it gives open requests itself.
STOP_MARGIN = 30
# Of every unit. GPUs stay: devices, ioctls, sockets of drivers' daemons, and memory that is written and then
# run, into which drivers compile shaders.
HARDENING = """\
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
"""
# Of units of the system only: a user's own manager has no right to these, or only where users may make
# namespaces (systemd.exec(5)).
SYSTEM_HARDENING = """\
CapabilityBoundingSet=
AmbientCapabilities=
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
"""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A server or a worker that a system is to run."""

    role: Role
    command: tuple[str, ...]  # absolute program and its arguments
    writes: tuple[Path, ...]  # folders that it may write to
    grace: float  # seconds that it gives open requests when it ends
    settings_file: Path | None  # variables, one a line: keys and tokens
    user: str | None  # who it runs as; None = the user whose own manager runs it

    @property
    def name(self) -> str:
        """Of the unit, without its ending."""
        return "sdcpp-server" if self.role == "serve" else "sdcpp-worker"


def format_systemd(service: Service) -> str:
    """A unit for systemd: of the system with `user`, else of a user's own manager."""
    of_system = service.user is not None
    what = "server" if service.role == "serve" else "worker"
    lines = [
        "# Written by sdcpp service install; changes belong into: systemctl edit " + service.name,
        "[Unit]",
        f"Description=Image and video generation with stable-diffusion.cpp: {what}",
        *(["After=network-online.target", "Wants=network-online.target"] if of_system else []),
        # Not for ever: five failures in ten minutes are no accident.
        "StartLimitIntervalSec=600",
        "StartLimitBurst=5",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={' '.join(map(_quote_argument, service.command))}",
        f"WorkingDirectory={_escape(str(service.writes[0]))}",
        *([f"User={service.user}"] if service.user else []),
        *([f"EnvironmentFile=-{_escape(str(service.settings_file))}"] if service.settings_file else []),
        "Restart=on-failure",
        # Wrong arguments or settings stay wrong.
        "RestartPreventExitStatus=2",
        "RestartSec=2",
        # The server ends its children itself; what is left of them after that is killed.
        "KillMode=mixed",
        f"TimeoutStopSec={service.grace + STOP_MARGIN:g}",
        # A crash of the engine would write all of its memory, the model, to the disk.
        "LimitCORE=0",
        "LimitNOFILE=65536",
        "",
        *HARDENING.splitlines(),
        *(_harden_system(service) if of_system else []),
        "",
        "[Install]",
        f"WantedBy={'multi-user.target' if of_system else 'default.target'}",
    ]
    return "\n".join(lines) + "\n"


def _harden_system(service: Service) -> list[str]:
    folders = " ".join(_quote(str(folder)) for folder in service.writes)
    return [*SYSTEM_HARDENING.splitlines(), f"ReadWritePaths={folders}"]


def format_launchd(service: Service, log: Path) -> bytes:
    """A property list for launchd on macOS. Untested there."""
    variables = _read_variables(service.settings_file)
    return plistlib.dumps(
        {
            "Label": f"sdcpp.{service.name}",
            "ProgramArguments": list(service.command),
            "WorkingDirectory": str(service.writes[0]),
            "EnvironmentVariables": variables,
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ExitTimeOut": int(service.grace + STOP_MARGIN),
            "ThrottleInterval": 10,
            "HardResourceLimits": {"Core": 0},
            "SoftResourceLimits": {"Core": 0, "NumberOfFiles": 65536},
            "StandardOutPath": str(log),
            "StandardErrorPath": str(log),
        }
    )


def _read_variables(file: Path | None) -> dict[str, str]:
    if file is None or not file.is_file():
        return {}
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _escape(text: str) -> str:
    """As a unit has a path: % begins a specifier there."""
    return text.replace("%", "%%")


def _quote(text: str) -> str:
    """As a unit has a word of a list (systemd.syntax(7))."""
    escaped = _escape(text).replace("\\", "\\\\").replace('"', '\\"')
    return escaped if text and not set(text) & set(" \t'\";\\") else f'"{escaped}"'


def _quote_argument(text: str) -> str:
    """As a command line has one, where $ begins a variable (systemd.service(5))."""
    return _quote(text.replace("$", "$$"))
