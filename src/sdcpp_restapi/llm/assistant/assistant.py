"""The assistant as the API shows it: conversation, status, settings."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ...errors import LlmFailed
from ...schemas.assistant import (
    AssistantAnswer,
    AssistantRequest,
    AssistantSettings,
    AssistantSettingsUpdated,
    AssistantSettingsWithMask,
    AssistantStatus,
    AssistantUpdate,
    Delta,
)
from ...schemas.llm_settings import ShownProviderSettings
from ..configured_model import ConfiguredModel
from .dialogue import Dialogue
from .history import ConversationStore, create_message
from .turn import RunAction


class Assistant:
    """The one conversation of this server, kept over restarts."""

    def __init__(self, model: ConfiguredModel[AssistantSettings], history: ConversationStore) -> None:
        self.history = history
        self.model = model

    async def run_turn(
        self, request: AssistantRequest, state: dict[str, Any], run_action: RunAction
    ) -> AsyncGenerator[Delta | AssistantAnswer]:
        """The message in pieces, then the whole answer, which is remembered. Raises LlmFailed.

        `state` is what ServerState.read gave; `run_action` is ActionRunner.run.
        """
        try:
            dialogue = Dialogue(
                provider=await self.model.open_provider(),
                history=self.history,
                settings=self.model.settings,
            )
            async with aclosing(dialogue.run_turn(request, state, run_action)) as stream:
                async for piece in stream:
                    if isinstance(piece, AssistantAnswer):
                        await self._remember(request, piece)
                    yield piece
        except LlmFailed as error:
            raise await self.model.add_advice(error) from None

    async def answer(
        self, request: AssistantRequest, state: dict[str, Any], run_action: RunAction
    ) -> AssistantAnswer:
        """The whole answer at once. Raises LlmFailed."""
        async with aclosing(self.run_turn(request, state, run_action)) as stream:
            async for piece in stream:
                if isinstance(piece, AssistantAnswer):
                    return piece
        raise AssertionError("a turn ends with an answer")

    async def check_status(self) -> AssistantStatus:
        """Whether the provider answers now, and has the model."""
        settings, connection = self.model.settings, await self.model.check_connection()
        return AssistantStatus(
            enabled=settings.enabled,
            connected=connection.connected,
            provider=settings.provider,
            base_url=settings.base_url,
            model=settings.model,
            timeout_seconds=settings.timeout_seconds,
            history_count=await self.history.count(),
            error=connection.error,
        )

    def show_settings(self) -> AssistantSettingsWithMask:
        """The settings, with a mask for the key."""
        return AssistantSettingsWithMask(**self.model.show(), api_key=self.model.show_key())

    async def list_models(self) -> list[str]:
        """The models that the provider has. Raises LlmFailed."""
        return await self.model.list_models()

    async def update_settings(self, update: AssistantUpdate) -> AssistantSettingsUpdated:
        """Change the settings that `update` carries."""
        warnings = await self.model.update(update)
        await self.history.prune(self.model.settings.max_history)
        return AssistantSettingsUpdated(
            settings=ShownProviderSettings(**self.model.show()), warnings=warnings or None
        )

    async def _remember(self, request: AssistantRequest, answer: AssistantAnswer) -> None:
        more = {"actions": answer.actions or None, "executed": answer.executed or None}
        await self.history.add(
            [create_message("user", request.message), create_message("assistant", answer.message, **more)],
            self.model.settings.max_history,
        )
