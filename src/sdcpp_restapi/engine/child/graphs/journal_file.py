"""The journal of a job: the results of the graphs that were computed for it, in order, in one file.

A header of one JSON line, then records. A record is whole or it does not count: the first one that is cut off
or does not fit its checksum is the end. Nothing is synced: what a lost process wrote is in the hands of the
system, and what a lost system did not write is computed again.
"""

import json
import os
import struct
import zlib
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from ...binding.measurements import JOURNAL_HEADER
from ...binding.tensors import Shape

VERSION = 2
# Nodes of the graph, elements in four dimensions, length and CRC-32 of the data that follow; image, step and
# number of the evaluation, or -1 three times.
_RECORD = struct.Struct("<Q4QQIiii")


class Place(NamedTuple):
    """Where an evaluation of the diffusion model belongs: a step may have several."""

    image: int
    """Number of the image in the job."""
    step: int
    """1 = the first."""
    number: int
    """Within the step: 0 = the first."""


NO_PLACE = Place(-1, -1, -1)
"""Of other graphs, and of the steps of a second pass."""


@dataclass(frozen=True)
class Record:
    """The result of one graph."""

    nodes: int
    shape: Shape
    offset: int
    checksum: int
    place: Place = NO_PLACE


class JournalFile:
    """Reads what an earlier attempt recorded, and goes on behind it."""

    def __init__(self, path: str, key: str, most_bytes: int) -> None:
        """`key` stands for everything that the results depend on; a file of another key is begun anew.

        Raises OSError.
        """
        self._key, self._most_bytes = key, most_bytes
        Path(path).touch(0o600)
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115  (until close)
        self.records: list[Record] = []
        self._end = JOURNAL_HEADER
        if _read_at(self._file, 0, JOURNAL_HEADER) == self._build_header():
            self.records, self._end = _read_records(self._file)
            # What was cut off goes: what is appended is the end again.
            self._file.truncate(self._end)
        else:
            self.restart()
        self._is_full = False

    def restart(self) -> None:
        """Forget all records."""
        self._file.truncate(0)
        self._write_at(0, self._build_header())
        self.records = []
        self._end = JOURNAL_HEADER

    def read(self, number: int) -> bytes | None:
        """The data of a record; None if they were damaged since it was opened."""
        return _read_data(self._file, self.records[number])

    def append(self, nodes: int, shape: Shape, data: bytes, place: Place = NO_PLACE) -> None:
        """One record more, if it fits: after one that does not, none is taken. Raises OSError."""
        if self._is_full or self._end + _RECORD.size + len(data) > self._most_bytes:
            self._is_full = True
            return
        checksum = zlib.crc32(data)
        self._write_at(self._end, _RECORD.pack(nodes, *shape.elements, len(data), checksum, *place), data)
        offset = self._end + _RECORD.size
        self.records.append(Record(nodes, shape, offset, checksum, place))
        self._end = offset + len(data)

    def close(self) -> None:
        """The file stays."""
        self._file.close()

    # ------------------------------------------------------------ inside

    def _build_header(self) -> bytes:
        told = json.dumps({"journal": VERSION, "key": self._key})
        return told.ljust(JOURNAL_HEADER - 1).encode() + b"\n"

    def _write_at(self, offset: int, *parts: bytes) -> None:
        self._file.seek(offset)
        for part in parts:
            self._file.write(part)


class ParentJournal:
    """The evaluations that another job kept, by their places. Nothing is written."""

    def __init__(self, path: str, steps: int) -> None:
        """Those of the first `steps` steps of each image. Raises OSError, where it is none too."""
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  (until close)
        try:
            told = json.loads(_read_at(self._file, 0, JOURNAL_HEADER))
            if told["journal"] != VERSION:
                raise OSError(f"{path} was written by another version")
        except (ValueError, KeyError, TypeError) as error:
            self._file.close()
            raise OSError(f"{path} is no journal") from error
        except OSError:
            self._file.close()
            raise
        records, _ = _read_records(self._file)
        self._records = {record.place: record for record in records if 0 < record.place.step <= steps}

    def has(self, place: Place) -> bool:
        """Whether this evaluation is there."""
        return place in self._records

    def read(self, place: Place, shape: Shape) -> bytes | None:
        """Its result; None where it has another shape, or was damaged."""
        record = self._records[place]
        return _read_data(self._file, record) if record.shape == shape else None

    def close(self) -> None:
        """The file stays."""
        self._file.close()


def _read_records(file: FileIO) -> tuple[list[Record], int]:
    """All whole records, and where the last one ends."""
    records: list[Record] = []
    size, end = file.seek(0, os.SEEK_END), JOURNAL_HEADER
    while end + _RECORD.size <= size:
        nodes, w, h, d, n, length, checksum, *place = _RECORD.unpack(_read_at(file, end, _RECORD.size))
        offset = end + _RECORD.size
        if offset + length > size or zlib.crc32(_read_at(file, offset, length)) != checksum:
            break
        records.append(Record(nodes, Shape((w, h, d, n), length), offset, checksum, Place(*place)))
        end = offset + length
    return records, end


def _read_data(file: FileIO, record: Record) -> bytes | None:
    data = _read_at(file, record.offset, record.shape.length)
    return data if zlib.crc32(data) == record.checksum else None


def _read_at(file: FileIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
