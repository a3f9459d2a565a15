"""The parts of a run that do not depend on where points are evaluated: no Dask, no thread pools, no sockets."""
