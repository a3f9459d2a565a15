"""Rational approximation of functions of one variable: what `RationalLearner1D` is made of."""
