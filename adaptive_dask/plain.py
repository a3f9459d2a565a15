"""Convert texts and data of user code to a form that all terminals, pages, protocols and encodings support."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from numbers import Integral, Real
from typing import Any

# The largest integer that every protocol supports.
MAX_INT = 2**63 - 1

# The maximum duration: half of the maximum for locks, because some time may be added to it.
MAX_SECONDS = threading.TIMEOUT_MAX / 2

_TAKEN_AS_THEY_ARE = frozenset({float, bool, bytes, type(None)})

# C0 and C1 controls except tab and newline, DEL, overrides of the writing direction, and lone surrogates, which cannot
# be encoded.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# Tracebacks are kept for each failed point, and are sent to all clients that follow the run.
MAX_TRACEBACK_CHARS = 16_000


def plain_text(text: str) -> str:
    r"""Return a text that UTF-8 can encode. Lone surrogates, as in file names that are not UTF-8, become ``\udce4``."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def plain_fields(data: dict[str, Any]) -> dict[str, Any]:
    """Apply `plain` to the values of a dictionary, in place. Most of them are plain already."""
    for name, value in data.items():
        kind = type(value)
        if kind is float or value is None or (kind is int and -MAX_INT <= value <= MAX_INT):
            continue
        if (kind is str and value.isascii()) or (kind is dict and not value):
            continue
        data[name] = plain(value)
    return data


def check_name(name: Any) -> None:
    """Raise an error if a value cannot be the name of a run.

    Raises
    ------
    ValueError
        If the name is not a string, is empty, or cannot be encoded with UTF-8.
    """
    if not (isinstance(name, str) and name):
        raise ValueError(f"name must be a string that is not empty, got {safe_repr(name):.200}.")
    if plain_text(name) != name:
        raise ValueError(
            f"name must be a text that UTF-8 can encode, got {safe_repr(name):.200}, which has lone surrogates, as "
            r"names of files that are not UTF-8 have. Replace them: name.encode('utf-8', 'replace').decode()."
        )


def check_plain(what: str, data: Any) -> None:
    """Raise an error if data cannot be sent in a message.

    Raises
    ------
    ValueError
        If the data contain texts that UTF-8 cannot encode, numbers beyond 64 bits, or other objects.
    """
    if plain(data) != data:
        raise ValueError(
            f"{what} must contain only texts that UTF-8 can encode and 64-bit numbers, got {safe_repr(data):.200}."
        )


def safe_repr(value: Any) -> str:
    """Return the `repr` of an object as plain text, or its class if `repr` raises an exception."""
    return _safe(repr, value)


def short_repr(value: Any) -> str:
    """Return `safe_repr`, shortened to 200 characters."""
    text = safe_repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


def safe_str(value: Any) -> str:
    """Return the `str` of an object as plain text, or its class if `str` raises an exception."""
    return _safe(str, value)


def _safe(make: Callable[[Any], str], value: Any) -> str:
    try:
        return plain_text(make(value))
    except BaseException:  # including SystemExit, which must not end the process
        return f"<{plain_text(type(value).__qualname__)}, whose {make.__name__} raises>"


def plain(data: Any) -> Any:
    """Return data that msgpack can pack: plain texts, 64-bit integers, and the `repr` of other objects.

    Parameters
    ----------
    data : object
        Dictionaries, lists and tuples are copied, and their items are made plain.
    """
    kind = type(data)
    if kind in _TAKEN_AS_THEY_ARE:
        return data
    if kind is str:
        return plain_text(data)
    if kind is int:
        return min(max(data, -MAX_INT), MAX_INT)
    if kind is dict:
        return {plain(key): plain(value) for key, value in data.items()}
    if kind is list or kind is tuple:
        return kind(map(plain, data))
    bases = {str: str, bytes: bytes, Integral: int, Real: float}  # NumPy's numbers and other subclasses
    for base, plain_kind in bases.items():
        if isinstance(data, base):
            return plain(plain_kind(data))
    return safe_repr(data)


def printable(text: str) -> str:
    """Replace control characters with escapes for printing. Tabs and newlines are kept.

    Otherwise, escape sequences could set the title of the terminal, hide lines, or reverse their direction.
    """
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return `printable` text in one line: tabs and newlines are escaped as well."""
    return text if text.isascii() and text.isprintable() else _UNSAFE_IN_A_LINE.sub(_escape, text)


def shorten(text: str) -> str:
    """Shorten a text above `MAX_TRACEBACK_CHARS` to its head and tail, and note the number of omitted characters.

    The head of a traceback contains the first frames, and the tail the error.
    """
    if len(text) <= MAX_TRACEBACK_CHARS:
        return text
    note = f"\n… {len(text) - MAX_TRACEBACK_CHARS:,} characters left out …\n"
    head = (MAX_TRACEBACK_CHARS - len(note)) // 2
    return text[:head] + note + text[head + len(note) - MAX_TRACEBACK_CHARS :]


def _escape(match: re.Match[str]) -> str:
    return ascii(match.group())[1:-1]


def as_seconds(name: str, value: Any) -> float:
    """Return a duration in seconds, from a timedelta or a number, at most `MAX_SECONDS`.

    Raises
    ------
    TypeError
        If it is neither a timedelta nor a number.
    ValueError
        If it is negative, infinite or NaN.
    """
    seconds = _as_number(name, value)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{name} must be 0 or more and finite, got {value!r}.")
    return float(min(seconds, MAX_SECONDS))


def as_positive_seconds(name: str, value: Any) -> float:
    """Return a duration that is not zero; see `as_seconds`.

    Raises
    ------
    TypeError
        If it is neither a timedelta nor a number.
    ValueError
        If it is not positive, infinite or NaN.
    """
    seconds = _as_number(name, value)
    if not 0 < seconds < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}.")
    return float(min(seconds, MAX_SECONDS))


def _as_number(name: str, value: Any) -> Any:
    if type(value).__name__ == "timedelta64":  # NumPy's, which is not imported for this
        value = value / type(value)(1, "s")
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(seconds, Real) or isinstance(seconds, bool):
        raise TypeError(f"{name} must be a timedelta or a number of seconds, got {value!r}.")
    return seconds
