"""Which of our errors it is when no answer came."""

from __future__ import annotations

import socket
import ssl

import httpx

from jfdask.errors import BrokenOff, ServerUnreachable
from jfdask.jellyfin.answers import TryAgain, without_query

CONNECT_SECONDS = 10.0  # longest wait for a connection

# Of OpenSSL: another host or address than in the certificate; one of the past.
_WRONG_NAME, _EXPIRED = (62, 64), 10


def failure_of(url: str, error: Exception, timeout_seconds: float) -> Exception:
    """Return our error for one of httpx: a TryAgain if another try may help.

    Only texts of the operating system and of TLS are repeated: those of httpx may hold headers.
    """
    where = without_query(url)
    causes = _causes(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ServerUnreachable(f"{where}: {_why_not_trusted(cause)}")
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return ServerUnreachable(
                f"{where}: no TLS connection ({cause.reason}). Does the server speak http only?"
            )
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            return ServerUnreachable(f"{where}: no such host. Check the url.")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | UnicodeError):
        return ServerUnreachable(
            f"{where}: not a usable address, or its proxy's is none. Check the url, and HTTP_PROXY "
            "and the like in the environment."
        )
    if isinstance(error, httpx.ConnectTimeout):
        seconds = min(CONNECT_SECONDS, timeout_seconds)
        tls = " Does the server speak https?" if where.startswith("https:") else ""
        return TryAgain(
            ServerUnreachable(
                f"{where}: no connection within {seconds:g} s. Is the server running, and the url "
                f"right?{tls}"
            )
        )
    if isinstance(error, httpx.TimeoutException):
        return TryAgain(too_slow(where, timeout_seconds))
    reasons = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        said = reasons[-1] if reasons else "no connection"
        return TryAgain(
            ServerUnreachable(f"{where}: {said}. Is the server running, and the url right?")
        )
    return TryAgain(BrokenOff(f"{where}: the connection broke off."))


def too_slow(where: str, timeout_seconds: float) -> ServerUnreachable:
    """Return the error for an answer that took too long."""
    return ServerUnreachable(
        f"{where}: no whole answer within {timeout_seconds:g} s (fetch.timeout_seconds)."
    )


def _why_not_trusted(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _WRONG_NAME:
        return (
            f"the server's certificate is for another name ({error.verify_message}). Put a name "
            "that is in the certificate into the url."
        )
    if error.verify_code == _EXPIRED:
        return f"{error.verify_message}: renew the server's certificate."
    return (
        f"the server's certificate is not trusted ({error.verify_message}). Name the certificate "
        "of its authority as ca_file."
    )


def _causes(error: BaseException) -> list[BaseException]:
    """Return an exception and what it came of."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain
