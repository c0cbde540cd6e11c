"""What went wrong with another server, as a sentence for the user."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..errors import LlmFailed, LlmGarbled, LlmModelMissing, LlmRefused, LlmUnreachable
from ..schemas.chat import ProviderSettings

# Characters of another server's error message that ours quotes.
MAX_QUOTED = 300


@contextmanager
def translate_errors(base_url: str) -> Iterator[None]:
    """Inside the block, exceptions of HTTP and JSON become LlmFailed."""
    import httpx  # slow to import

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, ConnectionError) as error:
        reason = f": {error}" if isinstance(error, httpx.ConnectError) and str(error) else ""
        raise LlmUnreachable(f"{base_url} cannot be reached{reason}") from None
    except httpx.TooManyRedirects:
        raise LlmRefused(f"{base_url} redirects too often") from None
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise LlmUnreachable(f"The connection to {base_url} broke: {reason}") from None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        # JSON of another shape than the protocol's, or none at all.
        raise LlmGarbled(f"{base_url} answered something that cannot be understood") from None


def failure_of(settings: ProviderSettings, status: int, message: str) -> LlmFailed:
    """The failure that another server's error stands for; its message must not give our key away."""
    message = " ".join(message.split())[:MAX_QUOTED]
    if settings.api_key is not None:
        message = message.replace(settings.api_key.get_secret_value(), "***")
    if status == 404 and "model" in message.lower():
        return LlmModelMissing(f"{settings.base_url} has no model {settings.model!r}: {message}")
    how = f"HTTP status {status}" if status > 0 else "an error"
    return LlmRefused(f"{settings.base_url} answered with {how}" + (f": {message}" if message else ""))


def pick_first(models: Sequence[str], base_url: str) -> str:
    """The model that answers where the settings name none."""
    if not models:
        raise LlmModelMissing(f"{base_url} has no model yet")
    return models[0]
