"""Text of others that is safe to print: names, error texts and tracebacks may hold control characters."""

from __future__ import annotations

import logging
import re
import traceback

# C0 and C1 controls except tab and newline, DEL, overrides of the writing direction, and lone surrogates, which cannot
# be encoded.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# Tracebacks are kept for each failed point, and are sent to everybody who looks at a run.
MAX_TRACEBACK_CHARS = 16_000


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
