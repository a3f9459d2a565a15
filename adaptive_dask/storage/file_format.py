"""What is in a file of a learner's data.

A line that says what the file is, a line of JSON that describes the data, and the data, pickled::

    adaptive_dask data 1
    {"learner": ["Learner1D", "BaseLearner"], "npoints": 100, "compression": "gzip", "size": 1234, "crc": 5678}
    …

So the first two lines can be read by people, and what is not such a file, or not all of it, is known
before anything is unpickled.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import cloudpickle

from adaptive_dask.errors import DataFileError
from adaptive_dask.learner.by_value import dumps_by_value

MAGIC = b"adaptive_dask data "
VERSION = 1


@dataclass(frozen=True)
class Header:
    """What the second line says.

    Attributes
    ----------
    learner : list of str
        The learner's class and those that it is derived from.
    npoints : int
        The number of evaluated points.
    compression : str or None
    size, crc : int
        Length in bytes and CRC-32 of what follows.
    """

    learner: list[str]
    npoints: int
    compression: str | None
    size: int
    crc: int


def is_ours(content: bytes) -> bool:
    """Whether a file's content claims to be of this format; a truncated first line counts too."""
    return content.startswith(MAGIC) or (0 < len(content) < len(MAGIC) and MAGIC.startswith(content))


def encode(data: Any, learner: list[str], npoints: int, compress: bool) -> bytes:
    """Make a file's content of data.

    Raises
    ------
    Exception
        Whatever pickling the data raises.
    """
    body = dumps_by_value(data)
    if compress:
        # Level 9 takes several times as long for a few percent; a fixed time makes files comparable.
        body = gzip.compress(body, compresslevel=6, mtime=0)
    header = Header(learner, npoints, "gzip" if compress else None, len(body), zlib.crc32(body))
    lines = MAGIC + f"{VERSION}\n{json.dumps(asdict(header))}\n".encode()
    return lines + body


def decode(path: str, content: bytes, check: Callable[[Header], None] = lambda header: None) -> tuple[Header, Any]:
    """Undo `encode`.

    Parameters
    ----------
    path : str
        For messages.
    content : bytes
    check : callable, optional
        Is given the header before anything is unpickled, and raises if it is not that of what is expected.

    Raises
    ------
    DataFileError
        If the content is not what was written, of a later version, or cannot be unpickled here.
    """
    header, body = _split(path, content)
    check(header)
    if len(body) != header.size:
        raise DataFileError(
            path,
            f"the file is {'truncated' if len(body) < header.size else 'too long'}: expected {header.size} bytes of "
            f"data, found {len(body)}. Use another copy of it.",
        )
    if zlib.crc32(body) != header.crc:
        raise DataFileError(path, "the file is damaged: its checksum does not fit its data. Use another copy of it.")
    try:
        return header, cloudpickle.loads(gzip.decompress(body) if header.compression else body)
    except Exception as error:
        raise DataFileError(
            path,
            f"the data of this {header.learner[0]} cannot be unpickled here: {error!r}. Is a module missing that "
            "defines its points or values?",
        ) from error


def _split(path: str, content: bytes) -> tuple[Header, bytes]:
    first, _, rest = content.partition(b"\n")
    second, found, body = rest.partition(b"\n")
    version = first.removeprefix(MAGIC)
    if version.isdigit() and int(version) > VERSION:
        raise DataFileError(
            path,
            f"expected format {VERSION} or older, found format {int(version)}. Update adaptive_dask to read it.",
        )
    if not found:
        raise DataFileError(path, f"the file is truncated: its description ends after {len(content)} bytes.")
    try:
        return _header(json.loads(second)), body
    except (ValueError, TypeError, RecursionError) as error:
        raise DataFileError(path, f"the file is damaged: its description cannot be read ({error}).") from error


def _header(fields: Any) -> Header:
    if not isinstance(fields, dict):
        raise TypeError("it is not an object of JSON")
    header = Header(**fields)
    if not (isinstance(header.learner, list) and header.learner and all(isinstance(k, str) for k in header.learner)):
        raise TypeError("learner is not a list of classes")
    if not all(type(number) is int for number in (header.npoints, header.size, header.crc)):
        raise TypeError("npoints, size or crc is not a whole number")
    if header.compression not in (None, "gzip"):
        raise ValueError(f"the compression {header.compression!r} is not known")
    return header
