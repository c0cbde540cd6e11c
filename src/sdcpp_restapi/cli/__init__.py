"""The command `sdcpp`."""

import gc

from ..os_support.interrupts import raise_on_interrupt


def main() -> None:
    """Entry point. Ctrl-C ends it without a traceback, also while modules are being imported."""
    # Modules are no garbage: looking through them again and again is a tenth of the start-up. Commands that
    # run for long switch the collector on; the others soon end.
    gc.disable()
    try:
        with raise_on_interrupt():
            from .commands import app

            app(prog_name="sdcpp")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
