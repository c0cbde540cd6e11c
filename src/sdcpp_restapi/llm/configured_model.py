"""The language model that the settings of one purpose name, and whether it answers."""

from typing import Any, NamedTuple

from ..errors import LlmFailed, LlmUnreachable
from ..schemas.chat import ProviderSettings
from ..schemas.llm_settings import ProviderUpdate
from .provider import Provider, wait_within
from .providers.local import LocalProvider
from .providers.registry import Providers
from .settings import ProviderPreference

# Seconds; a status is requested often, by users who wait for it.
STATUS_TIMEOUT = 5.0


class Connection(NamedTuple):
    """Whether a provider answers, and what is wrong: why it does not, or that it lacks the model."""

    connected: bool
    error: str | None


class ConfiguredModel[S: ProviderSettings]:
    """The provider and model of one set of settings: those of prompt enhancement, or of the assistant."""

    def __init__(
        self, *, providers: Providers, preference: ProviderPreference[S], settings_path: str
    ) -> None:
        """`settings_path`: of the route that changes the settings."""
        self._providers = providers
        self._preference = preference
        self._settings_path = settings_path

    @property
    def settings(self) -> S:
        """The current settings."""
        return self._preference.current

    async def open_provider(self, model: str | None = None) -> Provider:
        """The provider that the current settings name, with their model or another. Raises LlmDisabled."""
        settings = self.settings
        return await self._providers.open(
            settings if model is None else settings.model_copy(update={"model": model})
        )

    async def list_models(self, timeout: float | None = None) -> list[str]:
        """The models that the provider has. Raises LlmFailed."""
        provider = await self.open_provider()
        return await wait_within(provider.list_models(), timeout or self.settings.timeout_seconds)

    async def check_connection(self) -> Connection:
        """Whether the provider answers now, and has the model."""
        model = self.settings.model
        try:
            names = await self.list_models(STATUS_TIMEOUT)
        except LlmFailed as failed:
            return Connection(False, str(await self.add_advice(failed)))
        if model and not {model, f"{model}:latest"} & set(names):
            return Connection(True, f"There is no model {model!r}; there are: {', '.join(names) or 'none'}")
        return Connection(True, None)

    async def add_advice(self, error: LlmFailed) -> LlmFailed:
        """The same error; if no server answers, one that names a model of the llm folder to use instead."""
        if not isinstance(error, LlmUnreachable):
            return error
        names = await self._providers.list_local_models()
        if not names:
            return error
        return LlmUnreachable(
            f"{error}. {names[0]} of the llm folder could answer instead: PUT {self._settings_path} with"
            f' {{"provider": "{LocalProvider.name}"}}'
        )

    async def update(self, update: ProviderUpdate) -> list[str]:
        """Change the settings that `update` carries. Returns what the user should know about it."""
        return await self._preference.update(update)

    def show(self) -> dict[str, Any]:
        """The settings; of the key only whether there is one."""
        settings = self.settings
        return {
            **settings.model_dump(exclude={"api_key"}),
            "endpoint": settings.base_url,
            "has_api_key": settings.api_key is not None,
        }

    def show_key(self) -> str:
        """What an answer may say of the key."""
        return self._preference.show_key()
