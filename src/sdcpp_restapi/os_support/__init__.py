"""What differs between operating systems: no other room asks which one this is."""

import os
import sys

if sys.platform == "win32":
    from .windows import (
        call_on_ending_signals,
        describe_signal,
        end_on_interrupt,
        fit_listener,
        get_open_file_limit,
        ignore_interrupts,
        kill_group,
        list_spawn_options,
        lock_exclusively,
        lower_priority,
        open_socket_stream,
        prefer_as_victim,
        raise_open_file_limit,
        sync_disks,
        sync_folder,
    )
else:
    from .posix import (
        call_on_ending_signals,
        describe_signal,
        end_on_interrupt,
        fit_listener,
        get_open_file_limit,
        ignore_interrupts,
        kill_group,
        list_spawn_options,
        lock_exclusively,
        lower_priority,
        open_socket_stream,
        prefer_as_victim,
        raise_open_file_limit,
        sync_disks,
        sync_folder,
    )

__all__ = [
    "OS_NAME",
    "SERVICE_MANAGER",
    "call_on_ending_signals",
    "count_usable_cpus",
    "describe_signal",
    "end_on_interrupt",
    "fit_listener",
    "get_open_file_limit",
    "ignore_interrupts",
    "kill_group",
    "list_spawn_options",
    "lock_exclusively",
    "lower_priority",
    "open_socket_stream",
    "prefer_as_victim",
    "raise_open_file_limit",
    "sync_disks",
    "sync_folder",
]

# As Python names it: posix or nt.
OS_NAME = os.name
# What starts services here; None = nothing that is known.
SERVICE_MANAGER = {"linux": "systemd", "darwin": "launchd"}.get(sys.platform)


def count_usable_cpus() -> int:
    """Those that this process may run on; all of the machine where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
