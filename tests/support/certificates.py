"""Certificates of an authority of the tests."""

import ssl
from datetime import datetime
from pathlib import Path

import trustme


class Authority:
    """Writes certificates with their keys, and what a client trusts, into a folder."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, *hosts: str, ends: datetime | None = None) -> tuple[Path, Path]:
        """The files NAME.pem and NAME-key.pem, written at once; what was there is replaced."""
        made = self._authority.issue_cert(*hosts, not_after=ends)
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}-key.pem"
        made.private_key_pem.write_to_path(key)
        made.cert_chain_pems[0].write_to_path(cert)
        return cert, key

    def trust(self) -> ssl.SSLContext:
        """What a client of one of them has."""
        return ssl.create_default_context(cafile=self.ca)
