"""The certificate of both ports, read again when its files change."""

import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Self

from .config import Server
from .errors import SdcppError

log = logging.getLogger(__name__)

type _Stamp = tuple[tuple[int, int, int] | None, ...]


class CertificateUnusable(SdcppError):
    """The certificate cannot be used"""


class Certificate:
    """The files of the settings server.tls_cert and server.tls_key.

    They are looked at when a connection is made, which costs two calls of stat beside a handshake. New
    connections get the new certificate, old ones stay. Files that cannot be used, such as a certificate
    whose key is still to be written, are told in the log, and what was read before stays.
    """

    def __init__(self, cert: Path, key: Path | None, password: str) -> None:
        self._cert, self._key, self._password = cert, key, password
        self._seen = self._stamp()
        self._current = self._load()

    @classmethod
    def read(cls, server: Server) -> Self | None:
        """None without TLS. Raises CertificateUnusable."""
        if server.tls_cert is None:
            return None
        password = server.tls_key_password.get_secret_value() if server.tls_key_password else ""
        return cls(server.tls_cert, server.tls_key, password)

    def make_context(self, _config: object, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """For a listener, as uvicorn asks for it."""
        listening = self._load()
        # OpenSSL calls this for every handshake, also for one without a name.
        listening.sni_callback = self._choose
        return listening

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._current = self._load()
                log.info("%s was read again", self._cert)
            except CertificateUnusable as error:
                log.error("%s; the certificate that was read before stays in use", error)
        connection.context = self._current

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            # Given as a function, an empty password is an error; without one OpenSSL would ask the terminal.
            context.load_cert_chain(self._cert, self._key, lambda: self._password)
        except ssl.SSLError as error:
            raise CertificateUnusable(f"{self._names()}: {_explain(error)}") from None
        except (OSError, ValueError) as error:
            told = error.strerror if isinstance(error, OSError) else error
            raise CertificateUnusable(f"{self._names()} cannot be read: {told}") from None
        return context

    def _names(self) -> str:
        return f"{self._cert} with {self._key}" if self._key else str(self._cert)

    def _stamp(self) -> _Stamp:
        return tuple(_stamp_of(path) for path in (self._cert, self._key) if path)


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _explain(error: ssl.SSLError) -> str:
    reasons = {
        "KEY_VALUES_MISMATCH": "the key belongs to another certificate",
        "BAD_DECRYPT": "the password of the key is wrong",
        "BAD_PASSWORD_READ": "the key is encrypted, and server.tls_key_password is not set",
        "NO_START_LINE": "it holds no certificate, or the key is not there",
    }
    return reasons.get(error.reason or "", f"it cannot be used: {error.reason or error}")
