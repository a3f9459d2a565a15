"""What every run is, wherever its points are evaluated; nothing here knows Dask, a pool of threads or a socket."""
