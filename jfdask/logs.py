"""What a process of ours logs: the one that was started, and its workers on this machine."""

from __future__ import annotations

import logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Of no use to a household; httpx and botocore tell addresses, and what a request is signed with.
_OTHERS = ("httpx", "httpcore", "asyncio", "botocore", "aiobotocore", "s3fs", "fsspec", "urllib3")


def begin_logging(level: int) -> None:
    """Log from a level on, to stderr; of the libraries below us warnings at most."""
    logging.basicConfig(level=level, format=_FORMAT)
    for name in _OTHERS:
        logging.getLogger(name).setLevel(logging.WARNING)
