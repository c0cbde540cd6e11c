"""The certificate of the server: it can be read, belongs to its key, is valid, and names this server."""

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from ...config import Server, Settings
from ...errors import SdcppError
from ...tls import Certificate
from .findings import Finding, note, ok, wrong

# Let's Encrypt renews 30 days before the end; two weeks before it, somebody should look.
SOON = timedelta(days=14)
NAME = "Certificate"


def check(settings: Settings) -> Iterator[Finding]:
    """Nothing without TLS."""
    server = settings.server
    if server.tls_cert is None:
        return
    try:
        Certificate.read(server)
    except SdcppError as error:
        yield wrong(NAME, str(error), "correct server.tls_cert, server.tls_key and server.tls_key_password")
        return
    yield _check_contents(server, server.tls_cert)


def _check_contents(server: Server, path: Path) -> Finding:
    certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    begins, ends, now = certificate.not_valid_before_utc, certificate.not_valid_after_utc, datetime.now(UTC)
    names = list_names(certificate)
    detail = f"{path}: for {', '.join(names) or 'no name'}, until {ends:%Y-%m-%d}"
    if now < begins:
        return wrong(NAME, f"{detail}, but not before {begins:%Y-%m-%d %H:%M} UTC", "set the clock, or wait")
    if now > ends:
        return wrong(NAME, f"{detail}: it has expired", "renew it; the server reads it again by itself")
    if now > ends - SOON:
        return note(NAME, f"{detail}: it expires soon", "renew it; the server reads it again by itself")
    missing = [host for host in server.allowed_hosts if not is_covered(host, names)]
    if missing:
        return note(
            NAME,
            f"{detail}; it does not name {', '.join(missing)} of server.allowed_hosts",
            "have it made for these names too",
        )
    return ok(NAME, detail)


def list_names(certificate: x509.Certificate) -> list[str]:
    """The names and addresses that it is for; the common name counts no more (RFC 6125)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return [*names.get_values_for_type(x509.DNSName), *addresses]


def is_covered(host: str, names: list[str]) -> bool:
    """Whether one of the names stands for a host; a star stands for one label."""
    try:
        return str(ipaddress.ip_address(host)) in names
    except ValueError:
        host = host.lower()
        return host in (name.lower() for name in names) or f"*.{host.partition('.')[2]}" in names
