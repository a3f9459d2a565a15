"""Doubly adaptive Clenshaw–Curtis quadrature: rules, intervals, their tree, and what to evaluate next."""
