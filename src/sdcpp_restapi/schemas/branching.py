"""Fields by which a job keeps the results of its steps, and by which another one begins with them."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from .base import NoBoolean, Request


class BranchFields(Request):
    """Keeping a journal, and branching from one (docs/journal.md)."""

    keep_journal: bool = Field(
        False,
        description="Keep the results of all steps when the job is completed: others can branch from it",
    )
    from_job: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Branch from this job, which was submitted with keep_journal: fields not given are as"
        " there, its model too, and its first steps are not computed again",
    )
    from_step: Annotated[int, Field(ge=0), NoBoolean] | None = Field(
        None, description="How many steps of each image are taken from the journal of from_job"
    )

    @model_validator(mode="before")
    @classmethod
    def _branch_needs_no_prompt(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("from_job") and data.get("prompt") is None:
            given: dict[str, Any] = {**data, "prompt": ""}
            return given
        return data

    @model_validator(mode="after")
    def _branch_has_job_and_step(self) -> Self:
        if self.from_step is not None and self.from_job is None:
            raise ValueError("from_step: it needs from_job, the job whose first steps are taken")
        if self.from_job is not None and self.from_step is None:
            raise ValueError("from_job: it needs from_step, how many of its steps are taken; 0 = none")
        return self
