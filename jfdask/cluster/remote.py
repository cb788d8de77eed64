"""A scheduler that somebody else started, reached by its address, in time and by TLS if asked."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from distributed import Client, Security
from distributed.versions import VersionMismatchWarning

from jfdask.errors import ClusterError, SettingsError
from jfdask.settings import ClusterSettings

#: From the first packet to a client that can be used: where nobody listens, and where somebody
#: accepts the connection and never says a word.
CONNECT_SECONDS = 30.0
SCHEMES = ("tcp://", "tls://")

_FILES = ("tls_ca_file", "tls_cert_file", "tls_key_file")


@contextmanager
def connect_remote(settings: ClusterSettings) -> Iterator[Client]:
    """Yield a client of the scheduler at ``settings.address``, which has workers.

    Raises
    ------
    SettingsError
        The address has no port, or the certificates are missing or cannot be used.
    ClusterError
        Nobody answers in time, who answers is no scheduler or does not trust us, or there are
        no workers.
    """
    security = security_of(settings)
    try:
        with warnings.catch_warnings():
            # Whoever computes on it compares the versions of all that matters.
            warnings.simplefilter("ignore", VersionMismatchWarning)
            client = _PunctualClient(settings.address, CONNECT_SECONDS, security)
    except Exception as error:
        # Whatever it is (refused, silent, a web server's greeting that reads like a huge
        # message): to who asked it is one thing, and no traceback helps.
        raise ClusterError(_why(settings.address, error)) from None
    with client:
        if not client.has_workers():
            raise ClusterError(
                f"The Dask scheduler at {settings.address} has no workers. Start some first."
            )
        yield client


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname and parts.port)
    except ValueError:
        is_whole = False
    if not is_whole:
        raise SettingsError(
            f"cluster.address: {address} is not whole; expected {address[:6]}host:port, usually "
            "of port 8786."
        )


class SteadyClient(Client):
    """A client that ends with the scheduler it was connected to.

    The one of distributed connects anew, to a scheduler that was started anew as well: its
    workers nobody has looked at, and what watches over those that join is gone.
    """

    async def _reconnect(self) -> None:
        untyped: Any = self
        # Who waits is woken when the client is closed, not before: what is sent by one that is
        # being closed goes nowhere, and nobody says so.
        held, untyped.futures = untyped.futures, {}
        await untyped._close(fast=True)
        for state in [*held.values(), *untyped.futures.values()]:
            state.cancel()


class _PunctualClient(SteadyClient):
    """A client whose whole start has a deadline, and that leaves no thread when it fails.

    The one of distributed gives its deadline to some steps and waits for others forever.
    """

    def __init__(self, address: str, seconds: float, security: Security | None) -> None:
        self._address, self._seconds = address, seconds
        untyped: Any = super()
        untyped.__init__(address, timeout=seconds, security=security)

    def has_workers(self) -> bool:
        """Tell whether the scheduler has any; ClusterError if it is silent now."""
        untyped: Any = self
        ask = untyped.scheduler.identity
        try:
            told = untyped.sync(ask, n_workers=-1, callback_timeout=self._seconds)
        except (OSError, TimeoutError) as error:
            raise ClusterError(_why(self._address, error)) from None
        return bool(told["workers"])

    def start(self, **kwargs: Any) -> None:
        """Connect, or leave no thread behind."""
        untyped: Any = super()
        try:
            untyped.start(**kwargs)
        except BaseException:
            self._loop_runner.stop()
            raise

    async def _start(self, timeout: Any = CONNECT_SECONDS, **kwargs: Any) -> Any:
        untyped: Any = super()
        try:
            return await asyncio.wait_for(untyped._start(timeout, **kwargs), timeout)
        except BaseException:
            with suppress(Exception):
                await asyncio.wait_for(self._close(fast=True), 2)
            raise


def security_of(settings: ClusterSettings) -> Security | None:
    """Return what encrypts the connection; None for tcp://.

    What the settings do not name is looked for in Dask's own configuration
    (``distributed.comm.tls``).

    Raises
    ------
    SettingsError
        The address has no port; or a certificate or key is missing, cannot be used, or stands
        beside tcp://, where it would protect nothing. Nothing of their content is told.
    """
    _check_address(settings.address)
    named = [f"cluster.{name}" for name in _FILES if getattr(settings, name) is not None]
    if not settings.address.startswith("tls://"):
        if named:
            raise SettingsError(
                f"{named[0]} is set, and {settings.address} is not encrypted: begin "
                "cluster.address with tls://, or leave the certificates away."
            )
        return None
    given = {
        "tls_ca_file": settings.tls_ca_file,
        "tls_client_cert": settings.tls_cert_file,
        "tls_client_key": settings.tls_key_file,
    }
    security = Security(
        require_encryption=True, **{k: str(path) for k, path in given.items() if path is not None}
    )
    files = security.get_tls_config_for_role("client")
    for name, setting in (("ca_file", "tls_ca_file"), ("cert", "tls_cert_file")):
        if not files[name]:
            raise SettingsError(
                f"{settings.address} needs cluster.{setting}: an authority's certificate, and a "
                "certificate with its key that the authority has signed."
            )
    _try_files(files["ca_file"], files["cert"], files["key"])
    return security


def _try_files(authority: str, certificate: str, key: str | None) -> None:
    """SettingsError unless the certificates can be used; distributed would ask for a password."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=authority)
    except ssl.SSLError:
        raise SettingsError(
            f"cluster.tls_ca_file {authority}: holds no certificate in PEM."
        ) from None
    except OSError as error:
        raise SettingsError(f"cluster.tls_ca_file {authority}: {error.strerror}.") from None
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError:
        where = f"cluster.tls_key_file {key}" if key else "its key, in the same file,"
        raise SettingsError(
            f"cluster.tls_cert_file {certificate} and {where} cannot be used: expected a "
            "certificate and its key in PEM, the key without a password."
        ) from None
    except OSError as error:
        both = f"{certificate}, cluster.tls_key_file {key}" if key else certificate
        raise SettingsError(f"cluster.tls_cert_file {both}: {error.strerror}.") from None


def _no_password() -> str:
    raise ssl.SSLError("the key has a password")


def _why(address: str, error: Exception) -> str:
    """Return what became of a connection, and what to do."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, ssl.SSLError):
        reason = reason.__cause__ or reason.__context__
    if reason is not None or "SSL" in str(error) or "TLS" in str(error):
        return (
            f"The Dask scheduler at {address} and this machine do not trust each other, or one "
            "of them does not encrypt. Both need tls:// and certificates of one authority: "
            "cluster.tls_ca_file, cluster.tls_cert_file, cluster.tls_key_file."
        )
    encrypts = " If it encrypts, begin its address with tls://." if address[:3] == "tcp" else ""
    return (
        f"No Dask scheduler answers at {address} ({type(error).__name__}; waited "
        f"{CONNECT_SECONDS:g} s at most). Start it, or leave cluster.address away to compute on "
        f"this machine.{encrypts}"
    )
