"""The Dask half of a run: the file name tells which process a module belongs to."""
