"""A preview as a running job publishes it."""

from sdcpp_restapi.schemas.events import JobPreview


def make_preview(job_id: str = "a", step: int = 1) -> JobPreview:
    """One without a picture."""
    return JobPreview(
        job_id=job_id, step=step, frame_count=1, width=8, height=8, is_noisy=False, mode="proj",
        interval=1, image="data:",
    )  # fmt: skip
