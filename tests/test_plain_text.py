"""Texts of others do no harm where they are printed."""

from __future__ import annotations

import io
import logging
import pickle
import traceback

import pytest

from adaptive_dask.errors import (
    AdaptiveError,
    CheckpointError,
    DataFileError,
    FunctionError,
    LearnerError,
    RunExistsError,
    SchedulerLostError,
)
from adaptive_dask.logs import get_logger
from adaptive_dask.plain import MAX_TRACEBACK_CHARS, one_line, printable, shorten
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.tracebacks import format_error

HARMFUL = [*map(chr, [*range(9), *range(11, 32), *range(127, 160)]), *"\u202a\u202e\u2066\u2069", "\udce4"]
TITLE = "\x1b]0;mine\x07 and \x9b31m"


class Loud:
    def __repr__(self) -> str:
        return TITLE


def is_harmless(text: str) -> bool:
    return not set(text) & set(HARMFUL)


@pytest.mark.parametrize("letter", HARMFUL, ids=ascii)
def test_control_characters_become_escapes(letter: str) -> None:
    for clean in (printable, one_line):
        assert clean(f"a{letter}b") == f"a{ascii(letter)[1:-1]}b"


def test_lines_and_languages_stay() -> None:
    text = "Größe\tμ → 値 🙂\n\u200fעברית"
    assert printable(text) == text
    assert printable("one\r\ntwo") == "one\ntwo"
    assert one_line("one\ntwo\u2028three") == "one\\ntwo\\u2028three"


@pytest.mark.parametrize(
    "error",
    [
        AdaptiveError(TITLE),
        LearnerError(TITLE, Loud()),
        RunExistsError(TITLE),
        SchedulerLostError(TITLE),
        CheckpointError(TITLE, TITLE),
        DataFileError(TITLE, TITLE),
        FunctionError(Loud(), TITLE, TITLE, ValueError(TITLE), TITLE),
    ],
    ids=lambda error: type(error).__name__,
)
def test_printed_errors_are_harmless(error: BaseException) -> None:
    assert is_harmless(str(error))
    assert is_harmless(repr(error))
    assert is_harmless("".join(traceback.format_exception(error)))


def noted(error: BaseException, note: str) -> BaseException:
    error.add_note(note)
    return error


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "exception", [ValueError(TITLE), noted(ValueError(), TITLE), chained(ValueError(), ValueError(TITLE))]
)
def test_an_exception_that_would_reach_the_terminal_is_an_attribute_only(exception: BaseException) -> None:
    error = Failure(format_error(exception), exception).as_error(1.0)
    assert error.exception is exception
    assert error.__cause__ is None
    assert is_harmless("".join(traceback.format_exception(error)))
    assert "mine" in str(error)

    quiet = FunctionError(1.0, "text", exception=ValueError("quiet"))
    assert quiet.__cause__ is quiet.exception
    assert pickle.loads(pickle.dumps(quiet)).__cause__ is not None


def test_long_texts_keep_head_and_tail() -> None:
    text = "head" + "x" * 5_000_000 + "tail"
    short = shorten(text)
    assert len(short) == MAX_TRACEBACK_CHARS
    assert shorten(short) == short
    assert short.startswith("head")
    assert short.endswith("tail")
    assert "characters left out" in short
    assert shorten("x" * MAX_TRACEBACK_CHARS) == "x" * MAX_TRACEBACK_CHARS
    for made in (Failure(text).traceback_text, format_error(ValueError(text)), Failure("\x1b" * 10**6).traceback_text):
        assert len(made) <= MAX_TRACEBACK_CHARS


def test_log_lines_and_their_tracebacks_are_harmless() -> None:
    logger, stream = get_logger("adaptive_dask.tests.plain_text"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    try:
        try:
            raise ValueError(TITLE)
        except ValueError:
            logger.exception("It failed: %s", TITLE)
        logger.error("%r", Loud())
    finally:
        logger.removeHandler(handler)
    assert is_harmless(stream.getvalue())
    assert stream.getvalue().count("mine") == 3
    assert "ValueError" in stream.getvalue()
