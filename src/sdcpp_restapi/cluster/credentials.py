"""Authentication: the password, token, .creds file or certificate for the broker, and how it is verified."""

import ssl

from ..config import Cluster
from ..errors import SdcppError


class CredentialsUnusable(SdcppError):
    """A credentials file or certificate can't be used"""


def options_of(settings: Cluster) -> dict[str, object]:
    """Keyword arguments for `nats.connect`. Raises CredentialsUnusable.

    The .creds file is checked here: nats-py reads it at every connection, and dies of it when it is not
    there.
    """
    options = {
        "user": settings.user,
        "password": settings.password.get_secret_value() if settings.password else None,
        "token": settings.token.get_secret_value() if settings.token else None,
        "user_credentials": _check_creds_file(settings),
        "tls": _make_tls_context(settings),
    }
    return {name: value for name, value in options.items() if value is not None}


def _check_creds_file(settings: Cluster) -> str | None:
    if settings.credentials is None:
        return None
    try:
        text = settings.credentials.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsUnusable(
            f"cluster.credentials: {settings.credentials}: {_describe(error)}"
        ) from None
    for part in ("NATS USER JWT", "USER NKEY SEED"):
        if f"BEGIN {part}" not in text:
            raise CredentialsUnusable(
                f"cluster.credentials: {settings.credentials} holds no {part}: a .creds file has both"
            )
    return str(settings.credentials)


def _make_tls_context(settings: Cluster) -> ssl.SSLContext | None:
    if settings.tls_key and not settings.tls_cert:
        raise CredentialsUnusable("cluster.tls_key is of no use without cluster.tls_cert")
    if not (settings.tls_ca or settings.tls_cert or any(url.startswith("tls://") for url in settings.urls)):
        return None
    context = ssl.create_default_context()
    if settings.tls_ca:
        try:
            context.load_verify_locations(settings.tls_ca)
        except (OSError, ssl.SSLError) as error:
            raise CredentialsUnusable(f"cluster.tls_ca: {settings.tls_ca}: {_describe(error)}") from None
    if settings.tls_cert:
        try:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
        except (OSError, ssl.SSLError) as error:
            files = " with ".join(str(path) for path in (settings.tls_cert, settings.tls_key) if path)
            raise CredentialsUnusable(f"cluster.tls_cert: {files}: {_describe(error)}") from None
    return context


def _describe(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no certificate or key in PEM form, or they don't belong together ({error.reason or error})"
    return getattr(error, "strerror", None) or str(error)
