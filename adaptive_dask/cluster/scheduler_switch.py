"""The interval after which a computing thread releases the interpreter lock for the scheduler's event loop."""

from __future__ import annotations

import sys
import threading

# While a learner computes, the event loop waits for this time (seconds). Python's default of 5 ms would be added to
# every message that the scheduler reads or writes.
SWITCH_INTERVAL = 0.0005

_lock = threading.Lock()
_users = 0  # hosts in this process: one for each scheduler
_before = 0.0


def switch_soon() -> None:
    """Let threads take turns more often, until `switch_as_before` was called as many times."""
    global _users, _before
    with _lock:
        if _users == 0:
            _before = sys.getswitchinterval()
            sys.setswitchinterval(min(SWITCH_INTERVAL, _before))
        _users += 1


def switch_as_before() -> None:
    """Undo one `switch_soon`."""
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            sys.setswitchinterval(_before)
