"""The colours of all pictures, which can be told apart with any kind of colour vision."""

from __future__ import annotations

# Okabe and Ito (2008), "Color universal design".
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# What is known, what is derived from it, and what only helps to read it.
DATA, DERIVED, QUIET = COLORS[0], COLORS[1], "#7F7F7F"

# Of even lightness, so that it also works without any colour (van der Walt and Smith, 2015).
COLOR_MAP = "viridis"
