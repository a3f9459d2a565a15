"""Settings of all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The same examples every time; `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile("seeded", derandomize=True, deadline=None, database=None)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("seeded")

# The files that take longest begin first, so that the processes of pytest-xdist finish at the same time.
LONGEST_FIRST = (
    "tests/examples/test_python_adaptive.py",
    "tests/slurm/test_examples.py",
    "tests/browser/",
    "tests/examples/",
    "tests/test_examples.py",
    "tests/slurm/",
    "tests/cluster/",
    "tests/runner/",
)


def _rank(item: pytest.Item) -> int:
    starts = (rank for rank, name in enumerate(LONGEST_FIRST) if item.nodeid.startswith(name))
    return next(starts, len(LONGEST_FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests if several processes share them."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_rank)
