"""Doubly adaptive Clenshaw–Curtis quadrature: rules, intervals, their tree, and the plan of evaluations."""
