"""Film recommendations for the people of a Jellyfin server, computed on Dask."""
