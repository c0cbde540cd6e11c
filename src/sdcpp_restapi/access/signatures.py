"""What this server signs, so that it knows it again: links to single files, and the cookie for pictures."""

import base64
import hmac
from urllib.parse import quote, urlencode


class Signatures:
    """HMAC-SHA256 (RFC 2104) with a secret of the database: whoever has a signature can't make another."""

    def __init__(self, secret: bytes = b"") -> None:
        self._secret = secret

    def open(self, secret: bytes) -> None:
        """Sign with this secret from now on."""
        self._secret = secret

    def link(self, path: str, expires: int) -> str:
        """The address of a file of the output folder, from the server's root, for whoever has it; `expires`
        in seconds since 1970."""
        query = {"expires": expires, "signature": self._sign("link", str(expires), path)}
        return f"output/{quote(path)}?{urlencode(query)}"

    def is_link(self, path: str, expires: str, signature: str) -> bool:
        """Whether such a link was made for this file and moment."""
        return self._is_own(signature, "link", expires, path)

    def pictures_of(self, key_id: str) -> str:
        """The value of a cookie that opens pictures to the browser of whoever has the key."""
        return f"{key_id}.{self._sign('pictures', key_id)}"

    def find_key(self, cookie: str) -> str | None:
        """The id of the key that such a cookie was made for."""
        key_id, _, signature = cookie.rpartition(".")
        return key_id if key_id and self._is_own(signature, "pictures", key_id) else None

    def _sign(self, *parts: str) -> str:
        # No part but the last can hold a line break.
        made = hmac.digest(self._secret, "\n".join(parts).encode("utf-8", "surrogateescape"), "sha256")
        return base64.urlsafe_b64encode(made).decode().rstrip("=")

    def _is_own(self, signature: str, *parts: str) -> bool:
        if not self._secret:
            return False
        return hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), self._sign(*parts).encode())
