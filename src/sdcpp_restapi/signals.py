"""The signals that end a server or a worker in order."""

import signal


def list_ending_signals() -> list[signal.Signals]:
    """SIGINT, SIGTERM and, unless nohup had it ignored, SIGHUP: the terminal is gone."""
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hangup]
