"""Texts and data that any terminal, page, protocol or encoding can take, whatever user code puts into them."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

# The largest whole number that every protocol takes.
MAX_INT = 2**63 - 1

_TAKEN_AS_THEY_ARE = frozenset({float, bool, bytes, type(None)})

# C0 and C1 controls except tab and newline, DEL, overrides of the writing direction, and lone surrogates, which cannot
# be encoded.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# Tracebacks are kept for each failed point, and are sent to everybody who looks at a run.
MAX_TRACEBACK_CHARS = 16_000


def plain_text(text: str) -> str:
    r"""A text that UTF-8 can encode: lone surrogates, as in names of files that are not UTF-8, become ``\udce4``."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def plain_fields(data: dict[str, Any]) -> dict[str, Any]:
    """`plain` for the values of a dictionary, of which most are plain already; changed in place."""
    for name, value in data.items():
        kind = type(value)
        if kind is float or value is None or (kind is int and -MAX_INT <= value <= MAX_INT):
            continue
        if (kind is str and value.isascii()) or (kind is dict and not value):
            continue
        data[name] = plain(value)
    return data


def check_name(name: Any) -> None:
    """Refuse what cannot be the name of a run.

    Raises
    ------
    ValueError
        If it is no text, an empty one, or one that UTF-8 cannot encode.
    """
    if not (isinstance(name, str) and name):
        raise ValueError(f"name takes a string that is not empty, not {safe_repr(name):.200}.")
    if plain_text(name) != name:
        raise ValueError(
            f"name must be a text that UTF-8 can encode, got {safe_repr(name):.200}, which has lone surrogates, as "
            r"names of files that are not UTF-8 have. Replace them: name.encode('utf-8', 'replace').decode()."
        )


def check_plain(what: str, data: Any) -> None:
    """Refuse data that a message cannot carry.

    Raises
    ------
    ValueError
        If there are texts in it that UTF-8 cannot encode, numbers beyond 64 bits, or objects.
    """
    if plain(data) != data:
        raise ValueError(
            f"{what} must be of texts that UTF-8 can encode and numbers of 64 bits, got {safe_repr(data):.200}."
        )


def safe_repr(value: Any) -> str:
    """The `repr` of anything, as plain text; of an object whose `repr` raises, the class."""
    return _safe(repr, value)


def safe_str(value: Any) -> str:
    """The `str` of anything, as plain text; of an object whose `str` raises, the class."""
    return _safe(str, value)


def _safe(make: Callable[[Any], str], value: Any) -> str:
    try:
        return plain_text(make(value))
    except BaseException:  # also SystemExit: what is shown must not end who shows it
        return f"<{plain_text(type(value).__qualname__)}, whose {make.__name__} raises>"


def plain(data: Any) -> Any:
    """Data that msgpack can carry: texts are plain, whole numbers have 64 bits, other objects are their `repr`.

    Parameters
    ----------
    data : object
        Dictionaries, lists and tuples are copied, and what is in them is made plain.
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
    """Replace control characters by their escapes, so that a terminal prints them; tabs and newlines stay.

    Escape sequences could otherwise set the terminal's title, hide lines, or reverse their direction.
    """
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """`printable`, and tabs and line ends are escaped as well."""
    return text if text.isascii() and text.isprintable() else _UNSAFE_IN_A_LINE.sub(_escape, text)


def shorten(text: str, max_chars: int = MAX_TRACEBACK_CHARS) -> str:
    """Keep head and tail of a text that is longer than `max_chars`, and say how much is left out between them.

    Of a traceback, the head names the first frames and the tail the error.
    """
    if len(text) <= max_chars:
        return text
    note = f"\n… {len(text) - max_chars:,} characters left out …\n"
    head = (max_chars - len(note)) // 2
    return text[:head] + note + text[head + len(note) - max_chars :]


def get_logger(name: str) -> logging.Logger:
    """A logger whose messages and tracebacks are `printable`, whatever formats them."""
    logger = logging.getLogger(name)
    logger.addFilter(_make_printable)
    return logger


def _make_printable(record: logging.LogRecord) -> bool:
    try:
        message = record.getMessage()
    except BaseException:  # of user code
        record.msg, record.args = "(a message that cannot be formatted)", None
        return True
    if printable(message) != message:
        record.msg, record.args = printable(message), None
    if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
        # Formatters print this instead of making a text of `exc_info`.
        record.exc_text = shorten(printable("".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")))
    return True


def _escape(match: re.Match[str]) -> str:
    return ascii(match.group())[1:-1]
