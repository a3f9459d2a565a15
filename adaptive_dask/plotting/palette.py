"""The colours of all plots, which are distinguishable for colour-blind people."""

from __future__ import annotations

# Okabe and Ito (2008), "Color universal design".
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# The colours of data, of derived quantities, and of auxiliary lines.
DATA, DERIVED, QUIET = COLORS[0], COLORS[1], "#7F7F7F"

# Perceptually uniform, also in grey (van der Walt and Smith, 2015).
COLOR_MAP = "viridis"
