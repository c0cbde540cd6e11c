"""Sections `server` and `logging`."""

import ipaddress
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from ..schemas.secrets import IssuedSecret
from .section import Section

# An API key is guessed by trying: this many characters of chance are out of reach.
SHORTEST_KEY = 16
# A path below which a proxy serves this server: segments of unreserved characters, none of them dots only.
PREFIX = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+"
# A key may be given as its hash, so that the settings don't tell it: sha256:HEX, of the key's bytes.
HASHED = "sha256:"
# As browsers write them: a scheme and a host, with a port where it is not the usual one.
ORIGIN = r"null/?|[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@*]+/?"


class Server(Section):
    """Where the server listens and whom it answers."""

    host: str = Field("127.0.0.1", description="Address to bind; 0.0.0.0 opens it to the network")
    port: int = Field(8080, ge=0, le=65535, description="HTTP port; 0 takes a free one")
    ws_port: int = Field(8081, ge=0, le=65535, description="WebSocket port; 0 takes a free one")
    api_keys: list[SecretStr] = Field(
        [], description="When given, every request must carry a key; these may do everything"
    )
    session_days: float = Field(30.0, gt=0, le=3650, description="Days that a browser stays logged in")
    allowed_hosts: list[str] = Field([], description="Host names accepted besides loopback and IP literals")
    allowed_origins: list[str] = Field([], description="Origins of web pages on other hosts that may call")
    trusted_proxies: list[str] = Field(
        ["127.0.0.1", "::1"],
        description="Addresses or networks whose X-Forwarded-Proto, -For, -Host and -Prefix are believed",
    )
    root_path: str = Field("", description="The path below which a proxy serves this server, such as /art")
    tls_cert: Path | None = Field(None, description="Certificate chain in PEM: both ports speak TLS")
    tls_key: Path | None = Field(None, description="Its key, where that is not in the same file")
    tls_key_password: IssuedSecret = Field(None, description="Of an encrypted key")
    redirect_port: int | None = Field(
        None, ge=0, le=65535, description="A port for plain HTTP that redirects to HTTPS; 0 takes a free one"
    )
    hsts_seconds: int = Field(
        0, ge=0, description="How long browsers are told to use HTTPS only (HSTS); 0: they are not told"
    )
    metrics: bool = Field(True, description="GET /metrics, for Prometheus")
    metrics_public: bool = Field(False, description="GET /metrics needs no key")
    max_body_mb: int = Field(64, ge=1, description="Largest request body")
    max_connections: int = Field(1000, ge=1, description="Open connections on each port; more are told so")
    shutdown_grace: float = Field(5.0, gt=0, description="Seconds that open requests get at the end")

    @field_validator("api_keys")
    @classmethod
    def _hard_to_guess(cls, keys: list[SecretStr]) -> list[SecretStr]:
        for number, key in enumerate(keys, 1):
            text = key.get_secret_value()
            which = f"key {number} of {len(keys)}" if len(keys) > 1 else "the key"
            if not text.strip():
                raise ValueError(f"{which} is blank; leave the setting out to have no keys")
            if text.startswith(HASHED):
                if not re.fullmatch(f"{HASHED}[0-9a-f]{{64}}", text):
                    raise ValueError(f"{which} begins with {HASHED} without 64 hexadecimal digits behind it")
                continue
            if not re.fullmatch(r"[!-~]*", text):
                raise ValueError(f"{which} has other characters than visible ASCII ones")
            if len(text) < SHORTEST_KEY:
                raise ValueError(f"{which} has {len(text)} characters; at least {SHORTEST_KEY} are needed")
        return keys

    @field_validator("allowed_origins")
    @classmethod
    def _as_browsers_write_them(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if not re.fullmatch(ORIGIN, origin):
                raise ValueError(f"{origin!r} is no origin: https://host, https://host:port, or null")
        return origins

    @field_validator("root_path")
    @classmethod
    def _as_paths_are_written(cls, path: str) -> str:
        path = path.rstrip("/")
        if path and not re.fullmatch(PREFIX, path):
            raise ValueError(f"{path!r} is no path such as /art or /tools/art")
        return path

    @field_validator("tls_cert", "tls_key")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.tls_cert is None:
            for name in ("tls_key", "tls_key_password", "redirect_port"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} needs tls_cert")
            if self.hsts_seconds:
                raise ValueError("hsts_seconds needs tls_cert")
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is no address and no network such as 10.0.0.0/8") from None
        return proxies

    @property
    def scheme(self) -> Literal["http", "https"]:
        """Of the addresses of both ports."""
        return "https" if self.tls_cert else "http"

    @property
    def plain_key(self) -> str | None:
        """A key for commands that read the same settings, if one is there that is not hashed."""
        texts = (key.get_secret_value() for key in self.api_keys)
        return next((text for text in texts if not text.startswith(HASHED)), None)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class Logging(Section):
    """The server's log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = Field("text", description="json: one object per line")
    access: bool = Field(False, description="A line for each request that was answered")
