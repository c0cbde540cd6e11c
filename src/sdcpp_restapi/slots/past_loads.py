"""How each model was loaded the last time that it went well."""

from contextlib import suppress

from ..db import Database
from ..schemas.base import Frozen
from ..schemas.events import ModelLoaded
from ..schemas.model_types import MainType
from ..schemas.models import LoadRequest


class PastLoad(Frozen):
    """A load that went well."""

    request: LoadRequest
    architecture: str | None


class PastLoads:
    """The table loaded_models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, request: LoadRequest, loaded: ModelLoaded) -> None:
        """Remember a load, in place of an older one of the same model."""
        row = (request.model_type, request.model_name, request.model_dump_json(), loaded.model_architecture)
        await self._database.write(
            lambda db: db.execute("INSERT OR REPLACE INTO loaded_models VALUES (?, ?, ?, ?)", row).rowcount
        )

    async def last(self, kind: MainType, name: str) -> PastLoad | None:
        """The last load of a model, None if there was none (or one that an older version wrote otherwise)."""
        row = await self._database.read(
            lambda db: db.execute(
                "SELECT request, architecture FROM loaded_models WHERE model_type = ? AND model_name = ?",
                (kind, name),
            ).fetchone()
        )
        if row is None:
            return None
        with suppress(ValueError):
            return PastLoad(request=LoadRequest.model_validate_json(row[0]), architecture=row[1])
        return None
