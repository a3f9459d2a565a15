"""Adaptive interpolation on sparse grids: the mathematics of `SparseGridLearner`."""
