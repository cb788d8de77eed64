"""Options that several commands share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from jfdask.configuration import load_settings
from jfdask.errors import SettingsError
from jfdask.settings import Settings


@dataclass(frozen=True)
class Chosen:
    """What the command line chose: the settings, narrowed to its households and people."""

    settings: Settings
    households: tuple[str, ...]  # empty: all


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --config, --household, --user, --store and -v; it is passed `Chosen`."""

    @click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Settings file.  [default: $JFDASK_CONFIG, else jfdask.toml]",
    )
    @click.option("--household", "households", multiple=True, help="Only this household.")
    @click.option("--user", "users", multiple=True, help="Only this person (name or id).")
    @click.option("--store", help="Folder, s3://bucket/prefix or other fsspec URL.")
    @click.option("-v", "--verbose", count=True, help="Log more; twice: everything.")
    @wraps(command)
    def with_settings(
        config: Path | None,
        households: tuple[str, ...],
        users: tuple[str, ...],
        store: str | None,
        verbose: int,
        **rest: Any,
    ) -> Any:
        _log(verbose)
        overrides = [("store.url", store)] if store else []
        for key in ("cluster", "workers"):
            value = rest.pop(key, None)
            if value is not None:
                overrides.append((f"cluster.{'address' if key == 'cluster' else key}", value))
        settings = load_settings(config, overrides=overrides)
        return command(chosen=Chosen(_narrow(settings, households, users), households), **rest)

    return with_settings


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --cluster and --workers; put it below `settings_options`."""
    command = click.option(
        "--workers", type=click.IntRange(0), help="Local worker processes.  [default: the cores]"
    )(command)
    return click.option("--cluster", help="local, or tcp://host:port of a scheduler.")(command)


def _narrow(settings: Settings, households: tuple[str, ...], users: tuple[str, ...]) -> Settings:
    if not settings.households:
        # Commands that only read the store need no household in the settings.
        return settings
    chosen = [settings.household(name) for name in households] or list(settings.households)
    if users:
        if len(chosen) > 1:
            names = ", ".join(h.name for h in chosen)
            raise SettingsError(f"--user: of which household? Add --household, one of: {names}.")
        chosen = [h.model_copy(update={"users": users}) for h in chosen]
    return settings.model_copy(update={"households": tuple(chosen)})


def _log(verbose: int) -> None:
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # httpx logs whole URLs, and the libraries below are of no use to a household.
    for name in ("httpx", "httpcore", "asyncio", "botocore", "aiobotocore", "s3fs", "fsspec"):
        logging.getLogger(name).setLevel(logging.WARNING)
