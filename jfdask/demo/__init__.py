"""A Jellyfin server and a household to try everything on: real HTTP, invented people."""
