"""Options that several commands share."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from jfdask.configuration import DEFAULT_CONFIG, ENV_PREFIX, load_settings
from jfdask.logs import begin_logging
from jfdask.settings import Settings


@dataclass(frozen=True)
class Chosen:
    """What the command line chose."""

    settings: Settings
    households: tuple[str, ...]  # empty: all
    users: tuple[str, ...] = ()  # names or ids; empty: everybody

    @property
    def narrowed(self) -> Settings:
        """The settings with the chosen households alone."""
        chosen = [h for h in self.settings.households if h.name in self.households]
        if not self.households:
            return self.settings
        return self.settings.model_copy(update={"households": tuple(chosen)})


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --config, --store and -v; it is passed `Chosen`."""

    @click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Settings file.  [default: $JFDASK_CONFIG, else jfdask.toml]",
    )
    @click.option("--store", help="Folder, s3://bucket/prefix or other fsspec URL.")
    @click.option("-v", "--verbose", count=True, help="Log more; twice: everything.")
    @wraps(command)
    def with_settings(
        config: Path | None,
        store: str | None,
        verbose: int,
        households: tuple[str, ...] = (),
        users: tuple[str, ...] = (),
        **rest: Any,
    ) -> Any:
        begin_logging((logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)])
        overrides = [] if store is None else [("store.url", store)]
        for key in ("cluster", "workers"):
            value = rest.pop(key, None)
            if value is not None:
                overrides.append((f"cluster.{'address' if key == 'cluster' else key}", value))
        settings = load_settings(config, overrides=overrides)
        is_told = config or store or any(name.startswith(ENV_PREFIX) for name in os.environ)
        if not (is_told or DEFAULT_CONFIG.exists()):
            # In another folder than usual all that was stored seems to be gone.
            click.echo(f"No {DEFAULT_CONFIG} in {Path.cwd()}: the defaults hold.", err=True)
        if settings.households:
            # Commands that only read the store need no household in the settings.
            for name in households:
                settings.household(name)
        return command(chosen=Chosen(settings, households, users), **rest)

    return with_settings


def household_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --household; put it below `settings_options`."""
    return click.option("--household", "households", multiple=True, help="Only this household.")(
        command
    )


def user_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --user; put it below `settings_options`."""
    return click.option(
        "--user",
        "users",
        multiple=True,
        help="Make anew for this person only (name or id); others keep what they have, if any.",
    )(command)


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --cluster and --workers; put it below `settings_options`."""
    command = click.option(
        "--workers", type=click.IntRange(0), help="Local worker processes.  [default: the cores]"
    )(command)
    return click.option("--cluster", help="local, kubernetes, tcp://host:port or tls://host:port.")(
        command
    )
