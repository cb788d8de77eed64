"""Names of services, for processes that a test starts: FAKE_NAMES is a file of `name address`."""

import os
import socket
from pathlib import Path

_real = socket.getaddrinfo


def _getaddrinfo(host, *rest, **more):
    names = dict(line.split() for line in Path(os.environ["FAKE_NAMES"]).read_text().splitlines())
    if isinstance(host, bytes):
        host = host.decode()
    return _real(names.get(host, host), *rest, **more)


if "FAKE_NAMES" in os.environ:
    socket.getaddrinfo = _getaddrinfo
