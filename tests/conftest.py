"""Settings of all tests."""

from __future__ import annotations

from hypothesis import settings

# The same examples every time; `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile("seeded", derandomize=True, deadline=None, database=None)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("seeded")
