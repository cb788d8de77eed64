"""The stages of a night: the only place where rooms meet and Dask graphs are built."""
