"""Rational approximation of functions of one variable, for `RationalLearner1D`."""
