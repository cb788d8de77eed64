"""Which server, and where its key is found. The key itself is read where it is used.

A `Server` travels to workers and holds no secret; `connect` reads the key in the process that
asks.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from jfdask.errors import SettingsError
from jfdask.jellyfin.answers import DEFAULT_PORTS
from jfdask.jellyfin.client import JellyfinClient
from jfdask.settings import FetchSettings, Household, at_home

DEFAULT_KEY_VARIABLE = "JFDASK_API_KEY"
MAX_KEY = 1024  # characters; a file longer than that holds something else

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Jellyfin's keys are 32 hex digits. One put where its variable's name belongs is not repeated.
_LOOKS_LIKE_A_KEY = re.compile(r"[0-9a-fA-F]{32,}")
# Visible ASCII that cannot end the header's quoted text.
_KEY = re.compile(r"""[^"',\\\x00-\x20\x7f-\U0010ffff]+""")


@dataclass(frozen=True, slots=True)
class Server:
    """A Jellyfin server, as it may be sent to a worker: picklable, without a secret."""

    url: str  # with its base path, without a query
    api_key_env: str | None = None  # variable that holds the key; NAME_FILE may name a file
    api_key_file: str | None = None  # file that holds the key
    ca_file: str | None = None  # certificates (PEM) trusted besides the system's
    timeout_seconds: float = 60.0  # longest wait for one answer
    attempts: int = 6  # tries of one request
    startup_seconds: float = 300.0  # longest wait for a server that starts

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError("The server's url must begin with http:// or https://host.")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise SettingsError("The server's url must hold no user, password, query or fragment.")
        try:
            httpx.URL(self.url)
        except httpx.InvalidURL:
            raise SettingsError(
                f"url {self.url}: expected an address whose host can be looked up."
            ) from None
        name = self.api_key_env
        if name is not None and (not _VARIABLE.fullmatch(name) or _LOOKS_LIKE_A_KEY.search(name)):
            raise SettingsError(
                "api_key_env must be the name of an environment variable, not the key itself."
            )
        if self.api_key_file is not None and _LOOKS_LIKE_A_KEY.fullmatch(self.api_key_file):
            raise SettingsError("api_key_file must be the path of a file, not the key itself.")

    @property
    def key_place(self) -> str:
        """Where the key is found, in words."""
        if self.api_key_file:
            return f"file {self.api_key_file}"
        return f"environment variable {self.api_key_env or DEFAULT_KEY_VARIABLE}"


def server_of(household: Household, fetch: FetchSettings) -> Server:
    """Return the server of a household's settings."""
    return Server(
        url=household.url.rstrip("/"),
        api_key_env=household.api_key_env,
        api_key_file=str(household.api_key_file) if household.api_key_file else None,
        ca_file=str(household.ca_file) if household.ca_file else None,
        timeout_seconds=fetch.timeout_seconds,
        attempts=fetch.attempts,
        startup_seconds=fetch.startup_seconds,
    )


def where_of(url: str) -> str:
    """Return which server an address means: two spellings of one address are one server.

    Examples
    --------
    >>> where_of("HTTP://TV.example:80/jf/") == where_of("http://tv.example/jf")
    True
    >>> where_of("http://tv.example/jf") == where_of("http://tv.example/other")
    False
    """
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.hostname}:{port}{parts.path.rstrip('/')}"


def connect(server: Server, *, transport: httpx.BaseTransport | None = None) -> JellyfinClient:
    """Return a client with the key read now, in this process. No request is sent yet.

    Parameters
    ----------
    server
        Whom to ask.
    transport
        Instead of the network: a recorded server in a test.

    Raises
    ------
    SettingsError
        There is no usable key, or ``ca_file``, or what the environment says of proxies or
        certificates, cannot be used. The key is never named.
    """
    _quieten()
    key, context = _read_key(server), _ssl_context(server)
    try:
        return JellyfinClient(
            server.url,
            key,
            key_place=server.key_place,
            ssl_context=context,
            timeout_seconds=server.timeout_seconds,
            attempts=server.attempts,
            transport=transport,
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        problem = _proxy_problem(context)
    # Outside the handler: an error that comes along may show a proxy's password.
    raise SettingsError(problem)


def _read_key(server: Server) -> str:
    if server.api_key_file:
        return _usable(_read_file(server.api_key_file, "api_key_file"), server.key_place)
    name = server.api_key_env or DEFAULT_KEY_VARIABLE
    if os.environ.get(name, "").strip():
        return _usable(os.environ[name], server.key_place)
    path = os.environ.get(f"{name}_FILE", "").strip()
    if path and _LOOKS_LIKE_A_KEY.fullmatch(path):
        raise SettingsError(f"{name}_FILE must be the path of a file, not the key itself.")
    if path:
        return _usable(_read_file(path, f"{name}_FILE"), f"file {path}")
    raise SettingsError(
        f"No API key for {server.url}: set the environment variable {name}, or {name}_FILE to a "
        "file that holds it, on the machine that reads the server. A key is made in Jellyfin "
        "under Dashboard, API Keys."
    )


def _read_file(path: str, named_by: str) -> str:
    try:
        # Some editors begin a file with a mark of its encoding.
        with at_home(path).open(encoding="utf-8-sig") as file:
            return file.read(MAX_KEY + 2)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
    except UnicodeDecodeError:
        reason = "it is not text"
    # Outside the handler: an error that comes along would show the bytes that were read.
    is_found_anywhere = path.startswith("~") or Path(path).is_absolute()
    where = "" if is_found_anywhere else f" It is looked for in {Path.cwd()}."
    raise SettingsError(
        f"API key file {path} ({named_by}): {reason}. Correct the path, or see to it that it is a "
        f"text file which jfdask may read.{where}"
    )


def _usable(text: str, place: str) -> str:
    key = text.strip()
    if not key:
        raise SettingsError(f"The API key in {place} is empty.")
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        raise SettingsError(
            f"The API key in {place} holds quotes, spaces or other characters that no key has: "
            "put nothing but the key there."
        )
    return key


def _ssl_context(server: Server) -> ssl.SSLContext:
    """Return trust in the usual authorities, the system's and the household's own."""
    # What cannot be opened is told without its name.
    named = [(name, os.environ.get(name)) for name in ("SSL_CERT_FILE", "SSLKEYLOGFILE")]
    told = ", ".join(f"{name} {value}" for name, value in named if value)
    with _reading_certificates(told or "The authorities of this machine"):
        context = httpx.create_ssl_context()
    context.load_default_certs()
    if server.ca_file is not None:
        with _reading_certificates(f"ca_file {server.ca_file}"):
            context.load_verify_locations(cafile=at_home(server.ca_file))
        # From Python 3.13 on what `openssl req -x509` makes would be no authority.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


@contextmanager
def _reading_certificates(named: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError:
        raise SettingsError(f"{named} holds no certificate in PEM.") from None
    except OSError as error:
        raise SettingsError(f"{named}: {error.strerror}.") from None


def _proxy_problem(context: ssl.SSLContext) -> str:
    """Return which variable of the environment about proxies cannot be used; not its value."""
    for scheme in ("http", "https", "all"):
        proxy = getproxies().get(scheme)
        if not proxy:
            continue
        try:
            proxy = proxy if "://" in proxy else f"http://{proxy}"
            httpx.HTTPTransport(verify=context, proxy=proxy).close()
        except ImportError:
            what = "a SOCKS proxy needs the package socksio: install it, or name an http:// proxy."
        except (ValueError, httpx.InvalidURL):
            what = "expected the address of a proxy, such as http://proxy:3128."
        else:
            continue
        return f"environment: {scheme.upper()}_PROXY: {what}"
    return (
        "environment: NO_PROXY: expected hosts or single addresses, separated by commas; ranges of "
        "IPv6 addresses are not understood."
    )


def _quieten() -> None:
    """Keep the libraries' chatter out of logs; what matters of it we say ourselves.

    httpx tells every address with its query (whose list was read), httpcore every header that
    was received, stamina every pause without saying what failed.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("stamina").setLevel(logging.ERROR)
