"""``python -m adaptive_dask``: the same as ``dask adaptive``."""

from adaptive_dask.cli import main

if __name__ == "__main__":
    main(prog_name="python -m adaptive_dask")
