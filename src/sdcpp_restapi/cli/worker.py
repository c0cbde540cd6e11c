"""`sdcpp worker`."""

import gc
from pathlib import Path

from .. import event_loop
from ..errors import SdcppError
from ..work import work
from .exit_codes import exit_failed, exit_refused
from .flags import Flags, read_settings_of


def work_until_stopped(config: Path | None, flags: Flags) -> None:
    """Work with these settings; a problem is one sentence and exit code 2."""
    settings = read_settings_of(config, flags)
    if not settings.cluster.urls:
        raise exit_refused("A worker needs a broker: --nats nats://host:4222 (cluster.urls)")
    gc.enable()  # it runs for long
    try:
        event_loop.run(work(settings))
    except SdcppError as error:
        raise exit_refused(str(error)) from None
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise exit_failed(f"The worker cannot run: {what}{error.strerror or error}") from None
