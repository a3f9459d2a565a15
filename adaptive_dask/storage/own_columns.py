"""Names of the columns and variables that tables have besides the arguments and the results of a function.

If an argument has such a name, the other column gets an underscore at its end. A part of a result with such a name gets
the prefix ``result.``.
"""

from __future__ import annotations

from collections.abc import Container

# The indices of children, the reasons for points without a value, and results that are not parts.
INDEX, REASON, EXTRA = "learner_index", "infeasible", "extra_data"

# The prefixes of parts, of default arguments and of failures.
RESULT = "result."
PREFIXES = (RESULT, "function.", "failure.")


def free_name(name: str, taken: Container[str]) -> str:
    """Return a name, with underscores appended if it is taken."""
    while name in taken:
        name += "_"
    return name


def name_of_part(name: str, taken: Container[str]) -> str:
    """Return the name of the column of a part of results."""
    is_own = name.startswith((INDEX, *PREFIXES)) or name.rstrip("_") == REASON
    return RESULT + name if is_own or name in taken else name
