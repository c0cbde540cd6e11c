"""Section `users`: what each user may take, where there are users."""

from pydantic import Field

from .section import Section


class Users(Section):
    """Quotas of users that have none of their own."""

    max_pending: int | None = Field(100, ge=0, description="Jobs of one user that may wait at the same time")
    max_gigabytes: float | None = Field(
        None, ge=0, description="Files of one user's jobs, with those in the trash (10^9 bytes)"
    )
