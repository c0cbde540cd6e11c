"""The command `sdcpp`."""


def main() -> None:
    """Entry point. Ctrl-C ends it without a traceback, also while modules are being imported."""
    try:
        from .commands import app

        app(prog_name="sdcpp")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
