"""Messages over a socket, with a kind of one byte and contents."""

from __future__ import annotations

import socket
import struct

_HEADER = struct.Struct("=cQ")

# Kinds of messages to a child.
LOAD = b"L"  # the pickled function; the reply is LOADED or RAISED
CALL_FLOAT = b"F"  # a point that is a float; the reply is FLOAT, PICKLED or RAISED
CALL = b"P"  # a pickled point

# Kinds of messages from a child.
LOADED = b"l"
FLOAT = b"f"
PICKLED = b"p"
WHERE = b"w"  # a text with the location of the function, before the reply
RAISED = b"x"  # a pickled tuple: text, pickled exception or None

_FLOAT = struct.Struct("=d")


def pack_float(value: float) -> bytes:
    """Return the contents of a message for a float."""
    return _FLOAT.pack(value)


def unpack_float(contents: bytes) -> float:
    """Undo `pack_float`."""
    value: float = _FLOAT.unpack(contents)[0]
    return value


def send(sock: socket.socket, kind: bytes, contents: bytes) -> None:
    """Send a message; waits until the socket accepts it.

    Raises
    ------
    OSError
        If the other end is closed.
    """
    header = _HEADER.pack(kind, len(contents))
    if len(contents) < 65536:
        sock.sendall(header + contents)
    else:
        sock.sendall(header)
        sock.sendall(contents)


def receive_exactly(sock: socket.socket, size: int) -> bytes | None:
    """Receive `size` bytes; return None at the end of the stream."""
    parts = []
    while size:
        part = sock.recv(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def receive(sock: socket.socket) -> tuple[bytes, bytes] | None:
    """Receive the next message; return None at the end of the stream."""
    header = receive_exactly(sock, _HEADER.size)
    if header is None:
        return None
    kind, size = _HEADER.unpack(header)
    contents = receive_exactly(sock, size)
    return None if contents is None else (kind, contents)


class Inbox:
    """Assembles a message from the parts that have arrived."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, part: bytes) -> tuple[bytes, bytes] | None:
        """Add a part; return the message if it is complete."""
        self._data += part
        if len(self._data) < _HEADER.size:
            return None
        kind, size = _HEADER.unpack_from(self._data)
        if len(self._data) < _HEADER.size + size:
            return None
        contents = bytes(self._data[_HEADER.size : _HEADER.size + size])
        del self._data[: _HEADER.size + size]
        return kind, contents
