"""Format of files with the data of a learner.

A file consists of an identifying line, a line of JSON that describes the data, and the pickled data::

    adaptive_dask data 1
    {"learner": ["Learner1D", "BaseLearner"], "npoints": 100, "compression": "gzip", "size": 1234, "crc": 5678}
    …

The first two lines are human-readable. Foreign and incomplete files are detected before anything is unpickled.
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
    """The second line of a file.

    Attributes
    ----------
    learner : list of str
        The class of the learner and its base classes.
    npoints : int
        The number of evaluated points.
    compression : str or None
    size, crc : int
        Length in bytes and CRC-32 of the data.
    """

    learner: list[str]
    npoints: int
    compression: str | None
    size: int
    crc: int


def is_ours(content: bytes) -> bool:
    """Return whether the content of a file has this format. A truncated first line counts as well."""
    return content.startswith(MAGIC) or (0 < len(content) < len(MAGIC) and MAGIC.startswith(content))


def encode(data: Any, learner: list[str], npoints: int, compress: bool) -> bytes:
    """Encode data as the content of a file.

    Raises
    ------
    Exception
        If the data cannot be pickled.
    """
    body = dumps_by_value(data)
    if compress:
        # Level 9 takes several times as long for a few per cent. With a fixed time, equal data give equal files.
        body = gzip.compress(body, compresslevel=6, mtime=0)
    header = Header(learner, npoints, "gzip" if compress else None, len(body), zlib.crc32(body))
    lines = MAGIC + f"{VERSION}\n{json.dumps(asdict(header))}\n".encode()
    return lines + body


def decode(path: str, content: bytes, check: Callable[[Header], None] = lambda header: None) -> tuple[Header, Any]:
    """Decode the content of a file.

    Parameters
    ----------
    path : str
        Path for messages.
    content : bytes
    check : callable, optional
        Called with the header before anything is unpickled. Raises an error if the header is not the expected one.

    Raises
    ------
    DataFileError
        If the content is damaged, has a later version, or cannot be unpickled here.
    """
    header, body = _split(path, content)
    check(header)
    if len(body) != header.size:
        raise DataFileError(
            path,
            f"the file is {'truncated' if len(body) < header.size else 'too long'}: it must have {header.size} bytes "
            f"of data, got {len(body)}. Use another copy of it.",
        )
    if zlib.crc32(body) != header.crc:
        raise DataFileError(path, "the file is damaged: its checksum does not match its data. Use another copy of it.")
    try:
        return header, cloudpickle.loads(gzip.decompress(body) if header.compression else body)
    except Exception as error:
        raise DataFileError(
            path,
            f"the data of this {header.learner[0]} cannot be unpickled here: {error!r}. Check that the "
            "modules that define its points and values are installed.",
        ) from error


def _split(path: str, content: bytes) -> tuple[Header, bytes]:
    first, _, rest = content.partition(b"\n")
    second, found, body = rest.partition(b"\n")
    version = first.removeprefix(MAGIC)
    if version.isdigit() and int(version) > VERSION:
        raise DataFileError(
            path,
            f"must have format {VERSION} or older, got format {int(version)}. Update adaptive_dask to read it.",
        )
    if not found:
        raise DataFileError(path, f"the file is truncated: its description ends after {len(content)} bytes.")
    try:
        return _header(json.loads(second)), body
    except (ValueError, TypeError, RecursionError) as error:
        raise DataFileError(path, f"the file is damaged: its description cannot be read ({error}).") from error


def _header(fields: Any) -> Header:
    if not isinstance(fields, dict):
        raise TypeError("it must be a JSON object")
    header = Header(**fields)
    if not (isinstance(header.learner, list) and header.learner and all(isinstance(k, str) for k in header.learner)):
        raise TypeError("learner must be a list of class names")
    if not all(type(number) is int for number in (header.npoints, header.size, header.crc)):
        raise TypeError("npoints, size and crc must be integers")
    if header.compression not in (None, "gzip"):
        raise ValueError(f"compression must be None or 'gzip', got {header.compression!r}")
    return header
