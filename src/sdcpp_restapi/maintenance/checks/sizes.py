"""What the database says that the files of jobs take, and what they take."""

from collections.abc import Iterable, Iterator
from functools import partial

from ...jobs.trash.storage_usage import bytes_in
from ...outputs.trash import OutputTrash
from ..job_rows import JobRow
from .problem import CheckedData, Problem


def check_sizes(data: CheckedData, jobs: Iterable[JobRow]) -> Iterator[Problem]:
    """Jobs that were measured, and whose files take something else."""
    trash = OutputTrash(data.paths.output_dir)
    for job in jobs:
        if job.output_bytes is None or job.place == "gone":
            continue
        outputs = sum(bytes_in(folder) for folder in trash.folders(job.id))
        inputs = bytes_in(data.paths.data_dir / "inputs" / job.id)
        if (job.output_bytes, job.input_bytes or 0) != (outputs, inputs):
            yield Problem(
                "sizes",
                f"the files of the job {job.id} take {outputs} + {inputs} bytes,"
                f" and {job.output_bytes} + {job.input_bytes or 0} are noted (outputs + inputs)",
                "what they take is noted",
                partial(_note, data, job.id, outputs, inputs),
            )


def _note(data: CheckedData, job_id: str, outputs: int, inputs: int) -> None:
    data.db.execute(
        "UPDATE jobs SET output_bytes = ?, input_bytes = ? WHERE id = ?", (outputs, inputs, job_id)
    )
