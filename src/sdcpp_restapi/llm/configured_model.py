"""The language model that the user chose for one purpose, and whether it answers."""

from typing import Any, NamedTuple

from ..errors import LlmFailed, LlmUnreachable
from ..schemas.chat import ProviderChoice
from ..schemas.llm_settings import ProviderUpdate
from .provider import Provider, within
from .providers.registry import Providers
from .settings import ProviderPreference

# A status is asked for often, and by people who wait.
STATUS_TIMEOUT = 5.0


class Connection(NamedTuple):
    """Whether a provider answers; why not, or that the model is missing."""

    connected: bool
    error: str | None


class ConfiguredModel[S: ProviderChoice]:
    """What the settings at one address choose."""

    def __init__(self, providers: Providers, preference: ProviderPreference[S], address: str) -> None:
        """`address`: where the user changes the settings."""
        self._providers = providers
        self._preference = preference
        self._address = address

    @property
    def settings(self) -> S:
        """As they are now."""
        return self._preference.current

    async def provider(self) -> Provider:
        """Who answers now. Raises LlmDisabled."""
        return await self._providers.of(self.settings)

    async def models(self, timeout: float | None = None) -> list[str]:
        """The models that the provider has. Raises LlmFailed."""
        provider = await self.provider()
        return await within(provider.models(), timeout or self.settings.timeout_seconds)

    async def connection(self) -> Connection:
        """Whether the provider answers now, and has the model."""
        model = self.settings.model
        try:
            names = await self.models(STATUS_TIMEOUT)
        except LlmFailed as failed:
            return Connection(False, str(await self.with_advice(failed)))
        if model and not {model, f"{model}:latest"} & set(names):
            return Connection(True, f"There is no model {model!r}; there are: {', '.join(names) or 'none'}")
        return Connection(True, None)

    async def with_advice(self, error: LlmFailed) -> LlmFailed:
        """Where no server answers, a model of the llm folder may do."""
        if not isinstance(error, LlmUnreachable):
            return error
        names = await self._providers.local_models()
        if not names:
            return error
        return LlmUnreachable(
            f"{error}. {names[0]} of the llm folder could answer instead: PUT {self._address} with"
            ' {"provider": "local"}'
        )

    async def update(self, update: ProviderUpdate) -> list[str]:
        """Change the settings that `update` carries. Returns what the user should know about it."""
        return await self._preference.update(update)

    def shown(self) -> dict[str, Any]:
        """The settings without the key."""
        return self.settings.model_dump(exclude={"api_key"})

    def shown_key(self) -> str:
        """What an answer may say of the key."""
        return self._preference.shown_key()
