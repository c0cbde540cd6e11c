"""A client of this server for Python programs (docs/client-library.md)."""

from .asynchronous import AsyncClient
from .blocking import Client
from .failures import ClientError, JobUnsuccessful, ServerRefused, ServerUnreachable, UnknownServer

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "JobUnsuccessful",
    "ServerRefused",
    "ServerUnreachable",
    "UnknownServer",
]
