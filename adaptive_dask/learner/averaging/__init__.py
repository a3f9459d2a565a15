"""Averages of random values: moments, and points that are sampled more than once."""
