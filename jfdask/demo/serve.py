"""The command behind ``python -m jfdask.demo``: serve a demo until SIGTERM or Ctrl-C."""

from __future__ import annotations

import errno
import os
import secrets
import signal
import ssl
import sys
import threading
from pathlib import Path

import click

from jfdask.demo.faults import Faults
from jfdask.demo.household import demo_household, grown_household
from jfdask.demo.latency import NO_LATENCY, Latencies
from jfdask.demo.process import KEY_VARIABLE
from jfdask.demo.records import DemoHousehold
from jfdask.demo.server import DemoServer
from jfdask.demo.startup import StartUp
from jfdask.demo.world import FULL_VERSIONS, Version
from jfdask.errors import SettingsError

#: Where `jfdask demo` keeps what it needs, unless told otherwise.
DEFAULT_FOLDER = Path("jfdask-demo")
DEFAULT_KEY_FILE = DEFAULT_FOLDER / "api-key"

_RATE = click.FloatRange(0, 1)
_SECONDS = click.FloatRange(0)


def _seconds(name: str, text: str) -> click.Option:
    return click.Option([name], type=_SECONDS, default=0.0, help=text)


OPTIONS = [
    click.Option(["--port"], type=click.IntRange(0, 65535), default=0, show_default=True,
                 help="Port on loopback; 0: any free one."),
    click.Option(
        ["--key-file"],
        type=click.Path(dir_okay=False, path_type=Path),
        help=f"File with the API key, made if it is not there; without it, ${KEY_VARIABLE}, else "
        f"{DEFAULT_KEY_FILE}.",
    ),
    click.Option(["--version"], type=click.Choice(list(FULL_VERSIONS)), default="12.0",
                 show_default=True, help="As which Jellyfin to behave."),
    click.Option(["--movies"], type=click.IntRange(1), help="Size of an invented library."),
    click.Option(["--people"], type=click.IntRange(1), help="People of an invented household."),
    click.Option(["--plays"], type=click.IntRange(1), help="Plays a person of such a one."),
    click.Option(["--seed"], type=int, default=0, help="Seed of the household."),
    click.Option(["--latency/--no-latency"], default=None, help="Be as slow as a real server."),
    click.Option(["--people-seconds-per-movie"], type=_SECONDS, default=0.005,
                 help="What a movie's people cost."),
    click.Option(["--base-path"], default="", help="Path in front, as behind a proxy."),
    click.Option(["--tls-cert"], type=click.Path(exists=True, path_type=Path),
                 help="Certificate (PEM), to serve HTTPS."),
    click.Option(["--tls-key"], type=click.Path(exists=True, path_type=Path),
                 help="Its key (PEM)."),
    click.Option(["--fail-503"], type=_RATE, default=0.0, help="Share answered with 503."),
    click.Option(["--fail-500"], type=_RATE, default=0.0, help="Share answered with 500."),
    click.Option(["--drop"], type=_RATE, default=0.0, help="Share broken off in the body."),
    click.Option(["--change"], type=_RATE, default=0.0, help="Share of pages before which a "
                 "movie appears, vanishes or moves."),
    click.Option(["--max-changes"], type=click.IntRange(0), help="Changes at most."),
    click.Option(["--retry-after-seconds"], type=click.IntRange(0), default=1,
                 help="What a 503 tells to wait."),
    click.Option(["--fault-seed"], type=int, default=0, help="Seed of the faults."),
    _seconds("--latency-seconds", "Added to every answer."),
    _seconds("--refused-seconds", "Start: nobody listens."),
    _seconds("--migrating-seconds", "Start: 503 with Retry-After."),
    _seconds("--degraded-seconds", "Start: the same, with public information."),
    _seconds("--loading-seconds", "Start: 503 without Retry-After."),
    click.Option(["--until-stdin-closes"], is_flag=True, hidden=True),
]  # fmt: skip


def _household(
    movies: int | None, people: int | None, plays: int | None, seed: int
) -> DemoHousehold:
    if movies is None and people is None:
        return demo_household(seed)
    return grown_household(movies or 3000, people or 12, seed, plays)


def _api_key(key_file: Path | None) -> str:
    if key_file is None and os.environ.get(KEY_VARIABLE, "").strip():
        return os.environ[KEY_VARIABLE].strip()
    path = ensure_key_file(key_file or DEFAULT_KEY_FILE)
    click.echo(f"The API key is in {path}", err=True)
    key = path.read_text(encoding="utf-8").strip()
    if not key:
        raise click.UsageError(f"{path} is empty: expected the API key.")
    return key


def ensure_key_file(path: Path) -> Path:
    """Return the file with the demo's key; a new one is written if it is not there."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(16), encoding="ascii")
    except OSError as error:
        raise SettingsError(
            f"The demo's key cannot be written to {path.absolute()}: {error.strerror}. Name "
            "another place, or go to a folder of your own."
        ) from None
    return path.resolve()


def _tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context


def _end_with_stdin() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def serve(
    port: int,
    key_file: Path | None,
    version: Version,
    movies: int | None,
    people: int | None,
    plays: int | None,
    seed: int,
    latency: bool | None,
    people_seconds_per_movie: float,
    base_path: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    fault_seed: int,
    until_stdin_closes: bool,
    refused_seconds: float,
    migrating_seconds: float,
    degraded_seconds: float,
    loading_seconds: float,
    **faults: float,
) -> None:
    """Serve a demo Jellyfin on loopback and print its address."""
    is_invented = movies is not None or people is not None
    is_slow = is_invented if latency is None else latency
    try:
        server = DemoServer(
            _household(movies, people, plays, seed),
            version=version,
            api_key=_api_key(key_file),
            faults=Faults(seed=fault_seed, **faults),  # type: ignore[arg-type]
            people_seconds_per_movie=people_seconds_per_movie,
            latencies=Latencies() if is_slow else NO_LATENCY,
            base_path=base_path,
            startup=StartUp(refused_seconds, migrating_seconds, degraded_seconds, loading_seconds),
            port=port,
            ssl_options=_tls(tls_cert, tls_key),
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise click.UsageError(f"--port {port} is taken; 0 takes any free one.") from None
    if until_stdin_closes:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    said = f"Demo Jellyfin {version} listens on"
    server.serve_forever(lambda url: click.echo(f"{said} {url}"))


#: For ``python -m jfdask.demo``, and for a group that wants it.
command = click.Command("jfdask.demo", callback=serve, params=list(OPTIONS), help=serve.__doc__)
