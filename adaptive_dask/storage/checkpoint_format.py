"""What is in the files of a checkpoint.

Each file is a line that says what it is, and records::

    adaptive_dask checkpoint 1
    <length: 4 bytes> <CRC-32: 4 bytes> <as many bytes of msgpack>
    …

A record is there as a whole or not at all: what a crash has left of the last one is recognised by its length or
its checksum and dropped. After damage in the middle of a file a reader goes on at the next record that is whole. A file
that is written as a whole, not appended to, ends with a closing record. Numbers are little-endian.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgpack

from adaptive_dask.errors import CheckpointError
from adaptive_dask.storage.columns import pack_column, unpack_column

MAGIC = b"adaptive_dask checkpoint "
VERSION = 1
FIRST_LINE = MAGIC + b"%d\n" % VERSION

_RECORD = struct.Struct("<II")

_CLOSING = {"closed": True}

# How msgpack begins an entry or a closing record: where a reader looks for the next record when one is damaged.
_BEGINNING = re.compile(rb"[\x81-\x85](?:\xa1x|\xa5asked|\xa4held|\xa4gone|\xa6closed)")


@dataclass
class Entry:
    """What has happened in a part of a run, however long: entries that follow each other can be merged into one.

    Attributes
    ----------
    points, values : list
        The results that the learner was told.
    asked : dict of int to point
        Points that were asked for and not told in this part, by their ids.
    held : dict of int to value
        Results that have arrived and were not told in this part, by the ids of their points.
    gone : set of int
        Points that were asked for in an earlier part and are told, or are not wanted any more.
    """

    points: list[Any] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    asked: dict[int, Any] = field(default_factory=dict)
    held: dict[int, Any] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.points or self.asked or self.held or self.gone)

    def ask(self, asked: Mapping[int, Any]) -> None:
        """Points were asked for; a result under the id of one of them is of another point, of another run."""
        if self.held:
            for pid in asked:
                self.held.pop(pid, None)
        self.asked.update(asked)

    def forget(self, ids: Iterable[int]) -> None:
        """Points that were asked for, here or earlier, are told or not wanted any more."""
        asked, held, gone = self.asked, self.held, self.gone
        for pid in ids:
            if held:
                held.pop(pid, None)
            if pid in asked:
                del asked[pid]
            else:
                gone.add(pid)

    def absorb(self, later: Entry) -> None:
        """Merge what happened next into this entry."""
        self.points += later.points
        self.values += later.values
        self.forget(later.gone)
        self.ask(later.asked)
        self.held.update(later.held)

    def halves(self) -> tuple[Entry, Entry] | None:
        """Two entries that follow each other and are, together, this one; None if it cannot be split."""
        rest = Entry([], [], self.asked, self.held, self.gone)
        if self.points and rest:
            return Entry(self.points, self.values), rest
        if len(self.points) > 1:
            n = len(self.points) // 2
            return Entry(self.points[:n], self.values[:n]), Entry(self.points[n:], self.values[n:])
        if self.gone and (self.asked or self.held):
            return Entry(gone=self.gone), Entry(asked=self.asked, held=self.held)
        if self.asked and self.held:
            return Entry(asked=self.asked), Entry(held=self.held)
        if len(self.asked) > 1:
            first, second = _halves_of(self.asked)
            return Entry(asked=first), Entry(asked=second)
        if len(self.held) > 1:
            first, second = _halves_of(self.held)
            return Entry(held=first), Entry(held=second)
        return None

    def encode(self) -> bytes:
        """Make a record of it.

        Raises
        ------
        Exception
            Whatever pickling a point or value raises.
        """
        content: dict[str, Any] = {}
        if self.points:
            content["x"], content["y"] = pack_column(self.points), pack_column(self.values)
        for name, by_id in (("asked", self.asked), ("held", self.held)):
            if by_id:
                content[name] = [pack_column(list(by_id)), pack_column(list(by_id.values()))]
        if self.gone:
            content["gone"] = pack_column(sorted(self.gone))
        return record(content)

    @classmethod
    def decode(cls, content: Mapping[str, Any]) -> Entry:
        """Undo `encode`, given what the record contains."""
        entry = cls()
        if not isinstance(content, Mapping):
            raise TypeError(f"an entry is a mapping, not a {type(content).__name__}")
        if "x" in content:
            entry.points, entry.values = unpack_column(content["x"]), unpack_column(content["y"])
            if len(entry.points) != len(entry.values):
                raise ValueError(f"{len(entry.points)} points and {len(entry.values)} values")
        for name, by_id in (("asked", entry.asked), ("held", entry.held)):
            if name in content:
                ids, each = content[name]
                by_id.update(zip(unpack_column(ids), unpack_column(each), strict=True))
        if "gone" in content:
            entry.gone.update(unpack_column(content["gone"]))
        return entry


def _halves_of(by_id: dict[int, Any]) -> tuple[dict[int, Any], dict[int, Any]]:
    items = list(by_id.items())
    return dict(items[: len(items) // 2]), dict(items[len(items) // 2 :])


def record(content: Any) -> bytes:
    """Pack something for msgpack as a record."""
    body: bytes = msgpack.packb(content)
    return _RECORD.pack(len(body), zlib.crc32(body)) + body


def file_of(records: Iterable[bytes]) -> bytes:
    """The content of a file that is written as a whole."""
    return b"".join((FIRST_LINE, *records, record(_CLOSING)))


@dataclass(frozen=True)
class Records:
    """What is in a file.

    Attributes
    ----------
    contents : list
        Of the records, but for the closing one.
    rest : int
        The number of bytes that follow, and are not a record.
    damaged : int
        The number of bytes between whole records that are not one.
    is_closed : bool
        Whether it was written as a whole, and all of it is there.
    size : int
        Of the file, in bytes.
    """

    contents: list[Any]
    rest: int
    damaged: int
    is_closed: bool
    size: int


def records_of(path: str, content: bytes) -> Records:
    """What the records of a file contain that are whole.

    Parameters
    ----------
    path : str
        For messages.
    content : bytes
        Of the file.

    Raises
    ------
    CheckpointError
        If it is another kind of file, or of a later version.
    """
    contents = []
    end = _after_first_line(path, content)
    damaged = 0
    for start, body in _bodies(content, end):
        contents.append(_unpack(path, body))
        damaged += start - end
        end = start + _RECORD.size + len(body)
    is_closed = bool(contents) and contents[-1] == _CLOSING
    if is_closed:
        del contents[-1]
    return Records(contents, len(content) - end, damaged, is_closed and not damaged, len(content))


def _unpack(path: str, body: memoryview) -> Any:
    try:
        return msgpack.unpackb(body, strict_map_key=False)
    except Exception as error:  # such as nested too deep: the checksum fits, so nobody's disk has done that
        raise CheckpointError(
            path, f"expected a file of a checkpoint, found one whose content is not: {error!r}. Use another copy of it."
        ) from error


def _bodies(content: bytes, start: int) -> Iterator[tuple[int, memoryview]]:
    """The bodies of whole records, and where these begin."""
    while (body := _body(content, start)) is not None or (start := _next_record(content, start)):
        if body is not None:
            yield start, body
            start += _RECORD.size + len(body)


def _body(content: bytes, start: int) -> memoryview | None:
    """What the record at some place contains; None if there is no whole one."""
    begin = start + _RECORD.size
    if begin > len(content):
        return None
    length, crc = _RECORD.unpack_from(content, start)
    body = memoryview(content)[begin : begin + length]
    return body if length and len(body) == length and zlib.crc32(body) == crc else None


def _next_record(content: bytes, start: int) -> int:
    """Where the next whole record begins, after one that is not; 0 if there is none."""
    if start + _RECORD.size > len(content):
        return 0
    following = start + _RECORD.size + int(_RECORD.unpack_from(content, start)[0])  # unless the length is wrong
    if _body(content, following) is not None:
        return following
    found = (match.start() - _RECORD.size for match in _BEGINNING.finditer(content, start + _RECORD.size + 1))
    return next((place for place in found if _body(content, place) is not None), 0)


def _after_first_line(path: str, content: bytes) -> int:
    if FIRST_LINE.startswith(content):  # a crash has left less than the first line
        return len(content)
    line, found, _ = content[:100].partition(b"\n")
    version = line.removeprefix(MAGIC)
    if not line.startswith(MAGIC) or not found or not version.isdigit():
        raise CheckpointError(path, f"expected a file of a checkpoint, found one that begins with {line[:40]!r}.")
    if int(version) != VERSION:
        raise CheckpointError(
            path, f"expected format {VERSION}, found format {int(version)}. Use the adaptive_dask that wrote it."
        )
    return len(line) + 1
