"""The edge to Jellyfin's HTTP interface: the only room that imports httpx and stamina.

`connection` says which server and where its key is, `client` asks it, `reading` knows the
questions, `parsing` and `fields` turn answers into rows, `paging` tells whether the pages of a
library that changed meanwhile still make one list.
"""
