"""Remove user names, passwords and keys of URLs from all output."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

# The authority of a URL ends at the first of "/?#"; a password may contain "@" and ":".
_USERINFO = re.compile(r"(?<=://)[^/?#\s'\"<>]*@")
_URL_WITH_QUERY = re.compile(r"(\w+://[^\s?#'\"<>]*)\?([^\s#'\"<>]*)")
_QUERY_VALUE = re.compile(r"=[^&]*")

HIDDEN = "***"

# Shorter texts can occur by chance and would be hidden elsewhere.
_SHORTEST = 4


def split_userinfo(url: str) -> tuple[str, str]:
    """Split a URL into the URL without user and password, and the part before the ``@``, which may be empty."""
    match = _USERINFO.search(url)
    return (url[: match.start()] + url[match.end() :], match.group()[:-1]) if match else (url, "")


def join_userinfo(url: str, userinfo: str) -> str:
    """Insert user and password into a URL. The inverse of `split_userinfo`."""
    return url.replace("://", f"://{userinfo}@", 1) if userinfo else url


def without_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text with user names, passwords and query values of URLs replaced by ``***``.

    Parameters
    ----------
    text : str
        A URL, or a message that may contain some.
    secrets : iterable of str
        Further texts to hide.
    """
    text = _URL_WITH_QUERY.sub(lambda match: f"{match[1]}?{_QUERY_VALUE.sub('=' + HIDDEN, match[2])}", text)
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return text


def secrets_in(url: str, options: object = None) -> set[str]:
    """Return the texts to hide in messages about a URL: user, password, query values, and all options.

    Parameters
    ----------
    url : str
    options : object, optional
        Options of fsspec; texts in nested mappings and sequences are found.
    """
    userinfo = split_userinfo(url)[1]
    found = {*_texts(options), userinfo, *userinfo.split(":", 1)[1:]}
    found |= {value for _, value in urllib.parse.parse_qsl(url.partition("?")[2])}
    return found | {urllib.parse.unquote(secret) for secret in found}


def _texts(value: object, depth: int = 5) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode(errors="replace")
    elif depth and isinstance(value, dict):
        for each in value.values():
            yield from _texts(each, depth - 1)
    elif depth and isinstance(value, list | tuple | set):
        for each in value:
            yield from _texts(each, depth - 1)


_KINDS: tuple[type[Exception], ...] = (
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    ConnectionError,
    TimeoutError,
    OSError,
    ImportError,
    NotImplementedError,
    ValueError,
)


@contextmanager
def hiding(secrets: Iterable[str]) -> Iterator[None]:
    """Replace an error with secrets in its text or causes by an error without secrets and causes."""
    try:
        yield
    except Exception as error:
        # without source lines and file names, which contain no values
        parts = [str(each) for each in _chain(error)]
        if all(without_secrets(part, secrets) == part for part in parts):
            raise
        kind = next((kind for kind in _KINDS if isinstance(error, kind)), OSError)
        raise kind(without_secrets(f"{type(error).__name__}: {error}", secrets)) from None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]
