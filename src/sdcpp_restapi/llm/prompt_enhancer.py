"""Prompts made better by a language model."""

import re
import time
import uuid
from collections.abc import Callable

from ..errors import BadRequest, LlmFailed
from ..schemas.chat import Chat, Message
from ..schemas.ollama import (
    Enhanced,
    Enhancement,
    EnhanceRequest,
    OllamaSettings,
    OllamaStatus,
    OllamaUpdate,
    SettingsUpdated,
    SettingsWithMask,
    ShownSettings,
)
from .configured_model import ConfiguredModel
from .enhancement_history import EnhancementStore
from .provider import ask
from .styles import style_of

_LORA = re.compile(r"<\s*(?:lora|lyco|hypernet)\s*:[^<>]+>", re.IGNORECASE)
_LABEL = re.compile(r"^\W*((enhanced|improved|better|rewritten|final) )?prompt\W*:\s*", re.IGNORECASE)


class PromptEnhancer:
    """Enhances prompts and keeps a history of them."""

    def __init__(
        self,
        *,
        model: ConfiguredModel[OllamaSettings],
        history: EnhancementStore,
        architecture: Callable[[], str | None],
        max_prompt_chars: int,
    ) -> None:
        """`architecture` returns that of the loaded model, as the API names it."""
        self.history = history
        self._model = model
        self._architecture = architecture
        self._max_prompt_chars = max_prompt_chars

    @property
    def settings(self) -> OllamaSettings:
        """The current settings of prompt enhancement."""
        return self._model.settings

    async def enhance(self, request: EnhanceRequest) -> Enhanced:
        """A better prompt, in the way that suits the loaded model. Raises LlmFailed; both are remembered."""
        if len(request.prompt) > self._max_prompt_chars:
            raise BadRequest(
                f"prompt: {len(request.prompt)} characters are too many; at most {self._max_prompt_chars} are"
                " allowed (setting limits.max_prompt_chars)"
            )
        try:
            text, model = await self._request_prompt(request)
        except LlmFailed as error:
            error = await self._model.add_advice(error)
            await self._remember(request, model=self.settings.model, error=str(error))
            raise error from None
        entry = await self._remember(request, enhanced=text, model=model)
        unknown = [f"unknown field {name!r} was ignored" for name in request.unknown_fields()]
        return Enhanced(
            id=entry.id,
            original_prompt=request.prompt,
            enhanced_prompt=text,
            model_used=model,
            created_at=entry.created_at,
            warnings=unknown or None,
        )

    async def check_status(self) -> OllamaStatus:
        """Whether the provider answers now, and has the model."""
        settings, connection = self.settings, await self._model.check_connection()
        return OllamaStatus(
            enabled=settings.enabled,
            connected=connection.connected,
            provider=settings.provider,
            base_url=settings.base_url,
            model=settings.model,
            max_history=settings.max_history,
            history_count=await self.history.count(),
            error=connection.error,
        )

    async def list_models(self) -> list[str]:
        """The models that the provider has. Raises LlmFailed."""
        return await self._model.list_models()

    def show_settings(self) -> SettingsWithMask:
        """The settings, with a mask for the key."""
        return SettingsWithMask(**self._model.show(), api_key=self._model.show_key())

    async def update_settings(self, update: OllamaUpdate) -> SettingsUpdated:
        """Change the settings that `update` carries."""
        warnings = await self._model.update(update)
        await self.history.prune(self.settings.max_history)
        shown = ShownSettings(**self._model.show())
        return SettingsUpdated(settings=shown, warnings=warnings or None)

    # ------------------------------------------------------------ inside

    async def _request_prompt(self, request: EnhanceRequest) -> tuple[str, str]:
        settings = self.settings
        provider = await self._model.open_provider()
        # A model would forget or misspell them.
        loras = _LORA.findall(request.prompt)
        prompt = _LORA.sub("", request.prompt).strip() or request.prompt
        system = request.system_prompt or settings.system_prompt
        chat = Chat(
            messages=_build_messages(system, prompt)
            if system
            else style_of(self._architecture()).build_messages(prompt),
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
        )
        answer = await ask(provider, chat, settings.timeout_seconds)
        return " ".join([strip_label(answer.text) or prompt, *loras]), answer.model

    async def _remember(
        self, request: EnhanceRequest, model: str, enhanced: str = "", error: str = ""
    ) -> Enhancement:
        entry = Enhancement(
            id=str(uuid.uuid4()),
            original_prompt=request.prompt,
            enhanced_prompt=enhanced,
            model_used=model,
            created_at=int(time.time()),
            success=not error,
            error_message=error,
        )
        await self.history.add(entry, self.settings.max_history)
        return entry


def _build_messages(system: str, prompt: str) -> list[Message]:
    return [Message(role="system", content=system), Message(role="user", content=prompt)]


def strip_label(text: str) -> str:
    """The prompt alone: models like to announce what they give, and to put it in quotes."""
    text = _LABEL.sub("", text.strip().strip("`").strip())
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return " ".join(text.split())
