"""API keys, sessions of browsers, users, and links to single files."""

from typing import Annotated, Literal, get_args

from pydantic import Field, FiniteFloat, SecretStr, field_validator, model_validator

from .base import Frozen, Integer, LeftOut, NoBoolean, Request
from .timestamps import WholeSecond

KeyScope = Literal["read", "generate", "manage"]
# Each includes those before it.
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)

# Names stand in addresses, in the database and in the log.
NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME, description="Letters, digits and . _ @ -, at most 64")]
# A link is for those who have no key: it must not be forgotten for years.
LONGEST_LINK = 7 * 24 * 3600


class KeyView(Frozen):
    """A key without its secret, which nobody can be told any more."""

    id: str
    name: str
    scope: KeyScope
    user: str | None = Field(description="Whose jobs it makes and sees; null: it belongs to nobody")
    source: Literal["database", "settings"] = Field(description="settings: one of server.api_keys")
    created_at: WholeSecond | None = Field(description="null for keys of the settings")
    last_used_at: WholeSecond | None = Field(description="To the minute; null: never, as far as is known")


class KeyList(Frozen):
    """GET /keys."""

    keys: list[KeyView]


class KeyRequest(Request):
    """POST /keys."""

    name: Name
    scope: KeyScope = "generate"
    user: Name | None = Field(None, description="An existing user, whose key it is")


class KeyMade(KeyView):
    """Answer of POST /keys."""

    key: str = Field(description="The secret: shown only here")
    warnings: list[str] | None = LeftOut


class OwnAccess(Frozen):
    """GET /keys/self: what the client may do, and by what."""

    by: Literal["key", "session", "open"] = Field(description="open: this server asks nobody for a key")
    scope: KeyScope
    key: str | None = Field(description="The name of the key")
    user: str | None
    sees: Literal["everything", "own"] = Field(description="own: jobs and files of `user` only")


class LoginRequest(Request):
    """POST /login."""

    key: SecretStr = Field(min_length=1, max_length=1000, description="An API key")


class SessionView(Frozen):
    """A browser that is logged in."""

    id: str
    key: str = Field(description="The name of the key that it logged in with")
    user: str | None
    scope: KeyScope
    created_at: WholeSecond
    expires_at: WholeSecond


class LoggedIn(SessionView):
    """Answer of POST /login, whose cookie is the session."""

    success: bool = True


class SessionList(Frozen):
    """GET /keys/sessions."""

    sessions: list[SessionView]


class QuotaUpdate(Request):
    """PUT /users/{name}: what is left out stays, and null means the setting again."""

    max_pending: Annotated[int, Field(ge=0, le=10**9), NoBoolean] | None = Field(
        None, description="Jobs that may wait at a time"
    )
    max_gigabytes: Annotated[FiniteFloat, Field(ge=0, le=10**9), NoBoolean] | None = Field(
        None, description="Outputs and inputs, with the trash (10^9 bytes)"
    )

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: object) -> object:
        """Other requests take null for left out; here it says something."""
        return data

    def changes(self) -> dict[str, float | None]:
        """The bounds that were sent."""
        sent = {"max_pending": self.max_pending, "max_gigabytes": self.max_gigabytes}
        return {name: value for name, value in sent.items() if name in self.model_fields_set}


class UserRequest(QuotaUpdate):
    """POST /users."""

    name: Name


class UserView(Frozen):
    """A user, with what the quotas are about."""

    name: str
    created_at: WholeSecond
    keys: int = Field(description="How many keys the user has")
    pending: int
    max_pending: int | None = Field(description="null: no bound")
    bytes: int = Field(description="Outputs and inputs of finished jobs, with those in the trash")
    max_gigabytes: float | None = Field(description="null: no bound")
    overrides: list[str] = Field(description="Which of the two bounds are the user's own")
    warnings: list[str] | None = LeftOut


class UserList(Frozen):
    """GET /users."""

    users: list[UserView]


class SignedLinkRequest(Request):
    """POST /output/links."""

    path: str = Field(min_length=1, max_length=1000, description="A file as `outputs` of a job names it")
    seconds: Integer = Field(3600, ge=1, le=LONGEST_LINK, description="How long the link opens the file")

    @field_validator("path")
    @classmethod
    def _below_output(cls, path: str) -> str:
        return path.removeprefix("/").removeprefix("output/")


class LinkMade(Frozen):
    """Answer of POST /output/links."""

    url: str
    path: str
    expires_at: WholeSecond
    warnings: list[str] | None = LeftOut
