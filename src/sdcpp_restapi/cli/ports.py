"""Whether a port can be had."""

import errno
import socket

from ..os_support import fit_listener


def find_problem(host: str, port: int) -> int | None:
    """Why no server could listen there, as an errno; None when one could (port 0 always can)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does it: a port in TIME_WAIT counts as free.
        fit_listener(probe)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except socket.gaierror:
            return errno.EADDRNOTAVAIL
        except OSError as error:
            return error.errno
    return None
