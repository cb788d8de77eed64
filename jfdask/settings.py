"""Settings: a TOML file and ``JFDASK_…`` environment variables, checked by pydantic.

A key of the file, ``[store] url = "…"``, is ``JFDASK_STORE__URL`` in the environment, which
wins. A household can be given by environment alone: ``JFDASK_URL`` and ``JFDASK_API_KEY`` or
``JFDASK_API_KEY_FILE``. Secrets are never values of the settings: the settings say in which
variable or file a secret is found, and whoever uses it reads it there.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource

from jfdask.errors import SettingsError

ENV_PREFIX = "JFDASK_"
DEFAULT_CONFIG = Path("jfdask.toml")

# Variables that stand for one household, and those that hold secrets: no keys of the file.
HOUSEHOLD_VARIABLES = ("URL", "API_KEY", "API_KEY_FILE", "USERS", "CONFIG")


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("expected an address that begins with http:// or https://")
    if "?" in url or "@" in url.split("/")[2]:
        raise ValueError("expected an address without a user, password or query")
    return url.rstrip("/")


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
GridValue = bool | int | float | str | None


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Household(_Section):
    """One Jellyfin server and who of its people get recommendations."""

    name: Name = Field(description="Name of the household: a folder in the store.")
    url: HttpUrl = Field(
        description="Address of the server, with its base path behind a reverse proxy."
    )
    api_key_env: str | None = Field(
        None, description="Environment variable that holds the API key (default JFDASK_API_KEY)."
    )
    api_key_file: Path | None = Field(
        None, description="File that holds the API key, instead of a variable."
    )
    users: tuple[str, ...] = Field(
        (), description="Names or ids of the people to work for; empty: everybody not disabled."
    )
    exclude_users: tuple[str, ...] = Field(
        (), description="Names or ids of people who are never read."
    )
    ca_file: Path | None = Field(
        None, description="Certificates (PEM) of an authority of your own."
    )

    @model_validator(mode="after")
    def _one_place_for_the_key(self) -> Household:
        if self.api_key_env and self.api_key_file:
            raise ValueError("expected api_key_env or api_key_file, not both")
        return self


class StoreSettings(_Section):
    """Where artifacts are kept."""

    url: str = Field(
        "jfdask-store", description="A folder, s3://bucket/prefix, or any other fsspec URL."
    )
    keep: Positive = Field(7, description="Finished runs that are kept; older ones are pruned.")
    endpoint_url: str | None = Field(
        None, description="Address of an S3 service other than Amazon's."
    )
    region: str | None = Field(None, description="S3 region.")
    key_env: str | None = Field(
        None,
        description="Variable with the S3 access key id (default: the usual AWS variables and "
        "files). NAME_FILE may name a file instead.",
    )
    secret_env: str | None = Field(
        None, description="Variable with the S3 secret key; NAME_FILE may name a file instead."
    )
    timeout_seconds: Seconds = Field(60.0, description="Deadline of one read or write.")
    single_writer: bool = Field(
        False, description="Accept a store without exclusive create: only one night at a time, "
        "by your own promise."
    )
    lock_seconds: Seconds = Field(
        120.0, description="A lock not renewed for so long is taken over."
    )


class ClusterSettings(_Section):
    """The Dask cluster."""

    address: str = Field(
        "local", description='"local", or tcp://host:port or tls://host:port of a scheduler.'
    )
    workers: Annotated[int, Field(ge=0)] = Field(
        0, description="Worker processes of a local cluster; 0: as many as cores."
    )
    memory_limit: str = Field(
        "auto", description="Memory limit of a local worker, such as 2GiB; auto: its share."
    )
    dashboard_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8787, description="Port of the local dashboard; another one if it is taken."
    )


class FetchSettings(_Section):
    """How a server is read."""

    page_size: Annotated[int, Field(ge=2, le=500)] = Field(500, description="Movies a page.")
    people_per_call: Annotated[int, Field(ge=1, le=100)] = Field(
        100, description="Movies a call for people."
    )
    requests_in_flight: Annotated[int, Field(ge=1, le=16)] = Field(
        2, description="Requests under way at once to one server."
    )
    timeout_seconds: Seconds = Field(60.0, description="Longest wait for one answer.")
    attempts: Positive = Field(6, description="Tries of one request before it has failed.")
    startup_seconds: Annotated[float, Field(ge=0)] = Field(
        300.0, description="Longest wait for a server that is starting."
    )
    largest_loss: Annotated[float, Field(gt=0, le=1)] = Field(
        0.3,
        description="Share of movies or plays that may be missing since last night before "
        "the household keeps yesterday's result.",
    )


class FeatureSettings(_Section):
    """How movies become numbers."""

    movies_per_partition: Annotated[int, Field(ge=1)] = Field(
        1000, description="Movies a task."
    )
    text_model: str | None = Field(
        None, description="A FastText .bin or .ftz file on the workers; none: trained on the "
        "household's own texts."
    )
    text_dimensions: Annotated[int, Field(ge=2, le=300)] = Field(
        64, description="Dimensions of the text vectors when trained here."
    )
    n_components: Annotated[int, Field(ge=1, le=2000)] | None = Field(
        None,
        description="Components of the TruncatedSVD; none: 64, or, for the method seed, as many "
        "as the person with the longest history has training rows.",
    )
    max_partition_seconds: Seconds = Field(
        600.0, description="Longest time for the training of the text model."
    )


class TrainSettings(_Section):
    """How a person's taste is learned."""

    method: Literal["affinity", "seed"] = Field(
        "affinity", description="affinity, or seed: the method of the first write-up."
    )
    search: Literal["small", "seed", "off"] | dict[str, tuple[GridValue, ...]] = Field(
        "small", description='Hyperparameter search: "small", "seed" (20 of 768), "off", or a '
        "table of lists of your own."
    )
    search_per: Literal["household", "person"] = Field(
        "household", description="One search over everybody's rows together, or one each."
    )
    folds: Annotated[int, Field(ge=2, le=20)] = Field(5, description="Folds of a person's plays.")
    min_favorites: Annotated[int, Field(ge=2)] = Field(
        10, description="Favourites, and played movies that are none, a model needs."
    )
    held_out: Fraction = Field(0.2, description="Share of plays that no search sees.")
    random_state: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        42, description="Seed of everything random."
    )
    people_per_task: Annotated[int, Field(ge=1, le=50)] = Field(
        50, description="People a task at most."
    )


class RecommendSettings(_Section):
    """What is put into a list."""

    max_per_collection: Positive = Field(
        2, description="Movies of one collection in the first ten."
    )
    reasons: Annotated[int, Field(ge=1, le=3)] = Field(3, description="Reasons a movie at most.")


class RunSettings(_Section):
    """The night as a whole."""

    resume_hours: Annotated[float, Field(ge=0)] = Field(
        12.0, description="A run broken off less long ago is gone on with."
    )


class Settings(_Section):
    """All settings. ``load_settings`` makes them of a file and the environment."""

    households: tuple[Household, ...] = Field((), description="The households.")
    store: StoreSettings = StoreSettings()
    cluster: ClusterSettings = ClusterSettings()
    fetch: FetchSettings = FetchSettings()
    features: FeatureSettings = FeatureSettings()
    train: TrainSettings = TrainSettings()
    recommend: RecommendSettings = RecommendSettings()
    run: RunSettings = RunSettings()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Settings:
        names = [h.name for h in self.households]
        for name in sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"two households are named {name!r}: each needs a name of its own")
        return self

    def household(self, name: str) -> Household:
        """Return the household of that name; SettingsError names those that exist."""
        for household in self.households:
            if household.name == name:
                return household
        known = ", ".join(h.name for h in self.households) or "none"
        raise SettingsError(f"No household {name!r} in the settings; there are: {known}.")


class _Environment(BaseSettings, Settings):
    """Settings as pydantic-settings sees them; used to read the environment only."""

    model_config = {"env_prefix": ENV_PREFIX, "env_nested_delimiter": "__", "extra": "forbid"}


def load_settings(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    overrides: Sequence[tuple[str, object]] = (),
) -> Settings:
    """Read the settings of a file, the environment and the command line.

    Parameters
    ----------
    path
        The TOML file; None: ``JFDASK_CONFIG``, else ``jfdask.toml`` if it exists.
    environ
        The environment; None: ``os.environ``.
    overrides
        Options of the command line as ``("store.url", value)``; they win.

    Raises
    ------
    SettingsError
        Names every mistake at once, each with its file or variable, its key and what was
        expected.
    """
    environ = os.environ if environ is None else environ
    if path is None and environ.get(f"{ENV_PREFIX}CONFIG"):
        path = Path(environ[f"{ENV_PREFIX}CONFIG"])
    if path is None and DEFAULT_CONFIG.exists():
        path = DEFAULT_CONFIG
    from_file = _read_file(path) if path else {}
    from_environ = _read_environ(environ)
    from_options: dict[str, Any] = {}
    for key, value in overrides:
        section, _, name = key.rpartition(".")
        from_options.setdefault(section, {})[name] = value
    merged = _merge(_merge(from_file, from_environ), from_options)
    problems = _unknown_variables(environ)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        problems += [
            _describe(dict(e), path, from_environ, from_options) for e in error.errors()
        ]
    if problems:
        # Neither the chain nor the message may carry input values: somebody may have put
        # a key where its variable's name belongs.
        raise SettingsError("\n".join(problems))
    return settings


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such settings file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}.") from None


def _read_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    source = EnvSettingsSource(_Environment, case_sensitive=False)
    source.env_vars = {k.lower(): v for k, v in environ.items()}
    found: dict[str, Any] = source()
    url = environ.get(f"{ENV_PREFIX}URL")
    if url and "households" not in found:
        household: dict[str, Any] = {"name": "home", "url": url}
        if environ.get(f"{ENV_PREFIX}API_KEY_FILE"):
            household["api_key_file"] = environ[f"{ENV_PREFIX}API_KEY_FILE"]
        if environ.get(f"{ENV_PREFIX}USERS"):
            users = environ[f"{ENV_PREFIX}USERS"].split(",")
            household["users"] = [u.strip() for u in users if u.strip()]
        found["households"] = [household]
    return found


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Name variables with our prefix that stand for nothing; sections are checked as keys."""
    known = {name.upper() for name in Settings.model_fields} | set(HOUSEHOLD_VARIABLES)
    unknown = []
    for variable in sorted(environ):
        rest = variable.removeprefix(ENV_PREFIX)
        if rest == variable or rest.split("__")[0].upper() in known:
            continue
        # A variable the settings file may name for a secret is the user's own choice of name.
        if rest.endswith(("_KEY", "_KEY_FILE", "_SECRET", "_SECRET_FILE")):
            continue
        unknown.append(f"environment: {variable}: unknown variable; docs/settings.md lists all.")
    return unknown


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _describe(
    error: Mapping[str, Any],
    path: Path | None,
    from_environ: Mapping[str, Any],
    from_options: Mapping[str, Any],
) -> str:
    loc = [part for part in error["loc"] if part not in ("function-after", "tagged-union")]
    key = ".".join(str(part) for part in loc)
    where = str(path) if path else "settings"
    if _holds(from_environ, loc):
        where = "environment: " + ENV_PREFIX + "__".join(str(p).upper() for p in loc)
        return f"{where}: {_expectation(error)}"
    if _holds(from_options, loc):
        where = "command line"
    return f"{where}: {key + ': ' if key else ''}{_expectation(error)}"


def _holds(tree: Any, loc: Sequence[object]) -> bool:
    for part in loc[:2]:
        if isinstance(tree, Mapping) and part in tree:
            tree = tree[part]
        else:
            return isinstance(tree, list)
    return bool(loc)


def _expectation(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; docs/settings.md lists all."
    if error["type"] == "missing":
        return "is missing."
    message = str(error["msg"]).removeprefix("Value error, ")
    return message.replace("Input should be", "expected") + "."
