"""Format of the files of a checkpoint.

Each file consists of an identifying line and records::

    adaptive_dask checkpoint 1
    <length: 4 bytes> <CRC-32: 4 bytes> <msgpack data of that length>
    …

An incomplete last record, left by a crash, is recognised by its length or checksum and dropped. After damage in the
middle of a file, reading continues at the next valid record. A file that is written at once, rather than appended to,
ends with a closing record. Numbers are little-endian.
"""

from __future__ import annotations

import itertools
import pickle
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack
import numpy as np

from adaptive_dask.errors import CheckpointError
from adaptive_dask.run.pickling import dumps

MAGIC = b"adaptive_dask checkpoint "
VERSION = 1
FIRST_LINE = MAGIC + b"%d\n" % VERSION

_RECORD = struct.Struct("<II")

_CLOSING = {"closed": True}

# The first bytes of an entry or a closing record in msgpack, to find the next record after a damaged one.
_BEGINNING = re.compile(rb"[\x81-\x85](?:\xa1x|\xa5asked|\xa4held|\xa4gone|\xa6closed)")

Column = list[Any]  # a letter for the kind, bytes, and parameters of the kind; msgpack can carry it


@dataclass
class Entry:
    """Events of a part of a run. Consecutive entries can be merged.

    Attributes
    ----------
    points, values : list
        Results that the learner was told.
    asked : dict of int to point
        Points that were asked for but not told in this part, by id.
    held : dict of int to value
        Results that arrived but were not told in this part, by the id of their point.
    gone : set of int
        Ids of points that were asked for in an earlier part, and were told or dropped in this one.
    """

    points: list[Any] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    asked: dict[int, Any] = field(default_factory=dict)
    held: dict[int, Any] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.points or self.asked or self.held or self.gone)

    def ask(self, asked: Mapping[int, Any]) -> None:
        """Record points that were asked for. Results held under their ids belong to points of an earlier run."""
        if self.held:
            for pid in asked:
                self.held.pop(pid, None)
        self.asked.update(asked)

    def forget(self, ids: Iterable[int]) -> None:
        """Record points that were told or dropped."""
        asked, held, gone = self.asked, self.held, self.gone
        for pid in ids:
            if held:
                held.pop(pid, None)
            if pid in asked:
                del asked[pid]
            else:
                gone.add(pid)

    def absorb(self, later: Entry) -> None:
        """Merge the next entry into this one."""
        self.points += later.points
        self.values += later.values
        self.forget(later.gone)
        self.ask(later.asked)
        self.held.update(later.held)

    def halves(self) -> tuple[Entry, Entry] | None:
        """Split the entry into two consecutive entries. Return None if it cannot be split."""
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
        """Encode the entry as a record.

        Raises
        ------
        Exception
            If a point or value cannot be pickled.
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
        """Decode the content of a record."""
        entry = cls()
        if not isinstance(content, Mapping):
            raise TypeError(f"an entry must be a mapping, got a {type(content).__name__}")
        if "x" in content:
            entry.points, entry.values = unpack_column(content["x"]), unpack_column(content["y"])
            if len(entry.points) != len(entry.values):
                raise ValueError(f"values must have length {len(entry.points)}, got {len(entry.values)}")
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
    """Pack plain data as a record."""
    body: bytes = msgpack.packb(content)
    return _RECORD.pack(len(body), zlib.crc32(body)) + body


def file_of(records: Iterable[bytes]) -> bytes:
    """Return the content of a file that is written at once."""
    return b"".join((FIRST_LINE, *records, record(_CLOSING)))


@dataclass(frozen=True)
class Records:
    """The records of a file.

    Attributes
    ----------
    contents : list
        The contents of the records, except the closing one.
    rest : int
        Number of bytes after the last valid record.
    damaged : int
        Number of bytes between valid records.
    is_closed : bool
        Whether the file was written at once and is complete.
    size : int
        Size of the file in bytes.
    """

    contents: list[Any]
    rest: int
    damaged: int
    is_closed: bool
    size: int


def records_of(path: str, content: bytes) -> Records:
    """Return the valid records of a file.

    Parameters
    ----------
    path : str
        Path for messages.
    content : bytes
        Content of the file.

    Raises
    ------
    CheckpointError
        If it is another kind of file, or has another version.
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
    except Exception as error:  # for example nested too deeply; the checksum is correct, so the disk is not the cause
        raise CheckpointError(
            path, f"must be a file of a checkpoint, got invalid content: {error!r}. Use another copy."
        ) from error


def _bodies(content: bytes, start: int) -> Iterator[tuple[int, memoryview]]:
    """Yield the position and the body of each valid record."""
    while (body := _body(content, start)) is not None or (start := _next_record(content, start)):
        if body is not None:
            yield start, body
            start += _RECORD.size + len(body)


def _body(content: bytes, start: int) -> memoryview | None:
    """Return the body of the record at a position, or None if there is no valid record."""
    begin = start + _RECORD.size
    if begin > len(content):
        return None
    length, crc = _RECORD.unpack_from(content, start)
    body = memoryview(content)[begin : begin + length]
    return body if length and len(body) == length and zlib.crc32(body) == crc else None


def _next_record(content: bytes, start: int) -> int:
    """Return the position of the next valid record after an invalid one, or 0 if there is none."""
    if start + _RECORD.size > len(content):
        return 0
    following = start + _RECORD.size + int(_RECORD.unpack_from(content, start)[0])  # unless the length is wrong
    if _body(content, following) is not None:
        return following
    found = (match.start() - _RECORD.size for match in _BEGINNING.finditer(content, start + _RECORD.size + 1))
    return next((place for place in found if _body(content, place) is not None), 0)


def _after_first_line(path: str, content: bytes) -> int:
    if FIRST_LINE.startswith(content):  # a crash left an incomplete first line
        return len(content)
    line, found, _ = content[:100].partition(b"\n")
    version = line.removeprefix(MAGIC)
    if not line.startswith(MAGIC) or not found or not version.isdigit():
        raise CheckpointError(path, f"must be a file of a checkpoint, got a file that begins with {line[:40]!r}.")
    if int(version) != VERSION:
        raise CheckpointError(
            path, f"must have format {VERSION}, got format {int(version)}. Use the adaptive_dask that wrote it."
        )
    return len(line) + 1


def pack_column(values: Sequence[Any]) -> Column:
    """Pack values: numbers, tuples of floats and arrays of one shape as raw numbers, other values as pickles.

    Parameters
    ----------
    values : sequence
        One or more values.

    Raises
    ------
    Exception
        If the values cannot be pickled.
    """
    kinds = set(map(type, values))
    if kinds == {float}:
        return ["f", np.array(values, "<f8").tobytes()]
    if kinds == {int}:
        try:
            return ["i", np.array(values, "<i8").tobytes()]
        except OverflowError:
            pass
    if kinds == {tuple}:
        lengths = set(map(len, values))
        flat = list(itertools.chain.from_iterable(values))
        if len(lengths) == 1 and set(map(type, flat)) == {float}:
            return ["t", np.array(flat, "<f8").tobytes(), lengths.pop()]
    if kinds == {np.ndarray}:
        forms = {(array.dtype.str, array.shape) for array in values}
        if len(forms) == 1 and values[0].dtype.kind in "biufc":
            dtype, shape = forms.pop()
            return ["a", np.stack(values).tobytes(), dtype, *shape]
    return ["p", dumps(list(values))]


def unpack_column(column: Column) -> list[Any]:
    """Undo `pack_column`.

    Raises
    ------
    Exception
        If the column was not made by `pack_column`, or cannot be unpickled here.
    """
    kind, data, *form = column
    if kind in ("f", "i"):
        numbers: list[Any] = np.frombuffer(data, f"<{kind}8").tolist()
        return numbers
    if kind == "t":
        flat = iter(np.frombuffer(data, "<f8").tolist())
        return list(zip(*[flat] * form[0], strict=True))
    if kind == "a":
        dtype, *shape = form
        return list(np.frombuffer(data, dtype).reshape(-1, *shape).copy())
    if kind == "p":
        values: list[Any] = pickle.loads(data)
        return values
    raise ValueError(f"kind of a column must be 'f', 'i', 't', 'a' or 'p', got {kind!r}.")
