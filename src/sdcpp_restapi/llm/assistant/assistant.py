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
from ...schemas.llm_settings import ShownChoice
from ..configured_model import ConfiguredModel
from .dialogue import Dialogue
from .history import History, said
from .turn import Do


class Assistant:
    """One conversation, kept over restarts."""

    def __init__(self, chosen: ConfiguredModel[AssistantSettings], history: History) -> None:
        self.history = history
        self._chosen = chosen

    async def turn(
        self, request: AssistantRequest, facts: dict[str, Any], spawn: Do
    ) -> AsyncGenerator[Delta | AssistantAnswer]:
        """The message in pieces, then the whole answer, which is remembered. Raises LlmFailed.

        `facts` is the server's state; `spawn` carries out an action.
        """
        try:
            dialogue = Dialogue(await self._chosen.provider(), self.history, self._chosen.settings)
            async with aclosing(dialogue.turn(request, facts, spawn)) as stream:
                async for piece in stream:
                    if isinstance(piece, AssistantAnswer):
                        await self._remember(request, piece)
                    yield piece
        except LlmFailed as error:
            raise await self._chosen.with_advice(error) from None

    async def answer(self, request: AssistantRequest, facts: dict[str, Any], spawn: Do) -> AssistantAnswer:
        """The whole answer at once. Raises LlmFailed."""
        async with aclosing(self.turn(request, facts, spawn)) as stream:
            async for piece in stream:
                if isinstance(piece, AssistantAnswer):
                    return piece
        raise AssertionError("a turn ends with an answer")

    async def status(self) -> AssistantStatus:
        """Whether the provider answers now, and has the model."""
        settings, connection = self._chosen.settings, await self._chosen.connection()
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

    def shown_settings(self) -> AssistantSettingsWithMask:
        """The settings, with a mask for the key."""
        return AssistantSettingsWithMask(**self._chosen.shown(), api_key=self._chosen.shown_key())

    async def models(self) -> list[str]:
        """The models that the provider has. Raises LlmFailed."""
        return await self._chosen.models()

    async def update_settings(self, update: AssistantUpdate) -> AssistantSettingsUpdated:
        """Change the settings that `update` carries."""
        warnings = await self._chosen.update(update)
        await self.history.prune(self._chosen.settings.max_history)
        return AssistantSettingsUpdated(
            settings=ShownChoice(**self._chosen.shown()), warnings=warnings or None
        )

    async def _remember(self, request: AssistantRequest, answer: AssistantAnswer) -> None:
        more = {"actions": answer.actions or None, "executed": answer.executed or None}
        await self.history.add(
            [said("user", request.message), said("assistant", answer.message, **more)],
            self._chosen.settings.max_history,
        )
