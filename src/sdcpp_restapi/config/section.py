"""What all sections of the settings share."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One table of the configuration file; a name that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, defer_build=True)
