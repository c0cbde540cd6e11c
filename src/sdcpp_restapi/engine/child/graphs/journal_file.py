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
from pathlib import Path

from ...binding.measurements import JOURNAL_HEADER
from ...binding.tensors import Shape

VERSION = 1
# Nodes of the graph, elements in four dimensions, length and CRC-32 of the data that follow.
_RECORD = struct.Struct("<Q4QQI")


@dataclass(frozen=True)
class Record:
    """The result of one graph."""

    nodes: int
    shape: Shape
    offset: int
    checksum: int


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
        if self._read_at(0, JOURNAL_HEADER) == self._build_header():
            self._read_records()
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
        record = self.records[number]
        data = self._read_at(record.offset, record.shape.length)
        return data if zlib.crc32(data) == record.checksum else None

    def append(self, nodes: int, shape: Shape, data: bytes) -> None:
        """One record more, if it fits: after one that does not, none is taken. Raises OSError."""
        if self._is_full or self._end + _RECORD.size + len(data) > self._most_bytes:
            self._is_full = True
            return
        checksum = zlib.crc32(data)
        self._write_at(self._end, _RECORD.pack(nodes, *shape.elements, len(data), checksum), data)
        offset = self._end + _RECORD.size
        self.records.append(Record(nodes, shape, offset, checksum))
        self._end = offset + len(data)

    def close(self) -> None:
        """The file stays."""
        self._file.close()

    # ------------------------------------------------------------ inside

    def _build_header(self) -> bytes:
        told = json.dumps({"journal": VERSION, "key": self._key})
        return told.ljust(JOURNAL_HEADER - 1).encode() + b"\n"

    def _read_records(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        while self._end + _RECORD.size <= size:
            nodes, w, h, d, n, length, checksum = _RECORD.unpack(self._read_at(self._end, _RECORD.size))
            offset = self._end + _RECORD.size
            if offset + length > size or zlib.crc32(self._read_at(offset, length)) != checksum:
                break
            self.records.append(Record(nodes, Shape((w, h, d, n), length), offset, checksum))
            self._end = offset + length
        # What was cut off goes: what is appended is the end again.
        self._file.truncate(self._end)

    def _read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def _write_at(self, offset: int, *parts: bytes) -> None:
        self._file.seek(offset)
        for part in parts:
            self._file.write(part)
