"""Spaces with named axes, and the functions over them that are called with keyword arguments."""
