"""The Dask edge: a client to a cluster, local or given by its address."""
