"""All settings, checked by pydantic. Every key, its type, its default, what it means.

Secrets are never values of the settings: the settings say in which variable or file a secret
is found, and whoever uses it reads it there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from jfdask.errors import SettingsError


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("expected an address that begins with http:// or https://")
    if "/web/" in f"{url}/" or "#" in url:
        raise ValueError("expected the server's address, without what a browser shows from /web on")
    if "?" in url or "@" in url.split("/")[2]:
        raise ValueError("expected an address without a user, password or query")
    if not _has_host(url):
        raise ValueError("expected an address with a host, such as http://localhost:8096")
    return url.rstrip("/")


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.hostname and parts.hostname.isascii():
            parts.hostname.encode("idna")  # for its error: a part that is empty or too long
        # Looked at for its error: a port that is none.
        return bool(parts.hostname) and parts.port != 0 and not any(c.isspace() for c in url)
    except ValueError:
        return False  # whose message would repeat the address


def _not_a_document(name: str) -> str:
    # A household's folder lies beside manifest.json; some disks do not tell upper from lower case.
    if name.lower().endswith(".json"):
        raise ValueError("expected a name that does not end in .json: a file of the store is so")
    return name


def _a_path(value: object) -> object:
    # The error that a file is not there tells its name, and must not tell a key.
    if isinstance(value, str) and ("-----" in value or "\n" in value):
        raise ValueError("expected the path of a file, not what the file holds")
    return value


def at_home(path: Path | str) -> Path:
    """Return a path with ``~`` as the home folder of whoever runs this process."""
    # Unlike Path.expanduser it leaves alone who has none: then the file is not there, by its name.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def _one_message(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Say once what a search may be, instead of once for each kind of it."""
    try:
        return validate(value)
    except ValidationError:
        # Without its cause: that repeats the value.
        raise ValueError('expected "small", "seed", "off" or a table of lists') from None


Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"),
    AfterValidator(_not_a_document),
]
LocalPath = Annotated[Path, AfterValidator(at_home)]
SecretPath = Annotated[LocalPath, BeforeValidator(_a_path)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
GridValue = bool | int | float | str | None
Search = Annotated[
    Literal["small", "seed", "off"] | dict[str, tuple[GridValue, ...]],
    WrapValidator(_one_message),
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        # Python takes true for 1, and one night kept of seven is not what was meant.
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and kind in (int, float, int | None):
            raise ValueError("expected a number, not true or false")
        return value


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
    keep: Positive = Field(
        7,
        description="Finished runs that are kept; older ones are pruned. One with nothing but an "
        "earlier one's results is not counted.",
    )
    endpoint_url: HttpUrl | None = Field(
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
        False,
        description="Accept a store without exclusive create: only one night at a time, "
        "by your own promise.",
    )
    lock_seconds: Seconds = Field(
        120.0, description="A lock not renewed for so long is taken over."
    )


class ClusterSettings(_Section):
    """The Dask cluster."""

    address: str = Field(
        "local",
        description='"local", "kubernetes", or tcp://host:port or tls://host:port of a scheduler.',
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
    stall_seconds: Seconds = Field(
        300.0,
        description="Longest time without a worker that can work: all of them at their memory "
        "limit, or gone.",
    )
    tls_ca_file: SecretPath | None = Field(
        None,
        description="For tls://: certificate (PEM) of the authority that signed those of the "
        "scheduler, the workers and this client.",
    )
    tls_cert_file: SecretPath | None = Field(
        None, description="For tls://: certificate (PEM) of this client."
    )
    tls_key_file: SecretPath | None = Field(
        None,
        description="For tls://: its key (PEM, without a password), unless it is in the same file.",
    )
    kubernetes_spec: LocalPath | None = Field(
        None, description="File with the DaskCluster that is started on Kubernetes."
    )
    kubernetes_namespace: str | None = Field(
        None, description="Namespace of that cluster (default: the pod's own, else kubectl's)."
    )
    kubernetes_image: str | None = Field(
        None, description="Image of its scheduler and workers (default: as in the file)."
    )
    kubernetes_minimum: Positive = Field(1, description="Fewest workers on Kubernetes.")
    kubernetes_maximum: Positive = Field(4, description="Most workers on Kubernetes.")
    kubernetes_seconds: Seconds = Field(
        600.0, description="Longest wait for the scheduler and the fewest workers on Kubernetes."
    )

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> ClusterSettings:
        if self.kubernetes_minimum > self.kubernetes_maximum:
            raise ValueError("expected kubernetes_minimum to be at most kubernetes_maximum")
        return self


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
        300.0,
        description="Longest wait for a server that says it is starting; where nobody "
        "listens it is 90 s at most.",
    )
    largest_loss: Annotated[float, Field(gt=0, le=1)] = Field(
        0.3,
        description="Share of movies or plays that may be missing since last night before "
        "the household keeps yesterday's result.",
    )


class FeatureSettings(_Section):
    """How movies become numbers."""

    movies_per_partition: Annotated[int, Field(ge=1)] = Field(
        2500, description="Movies a task, at most."
    )
    text_model: str | None = Field(
        None,
        description="A FastText .bin or .ftz file on the workers; none: trained on the "
        "household's own texts.",
    )
    text_dimensions: Annotated[int, Field(ge=2, le=300)] = Field(
        64, description="Dimensions of the text vectors when trained here."
    )
    n_components: Annotated[int | None, Field(ge=1, le=2000)] = Field(
        None,
        description="Components of the TruncatedSVD; none: 10, or, for the method seed, as many "
        "as the person with the longest history has plays.",
    )
    text_model_seconds: Seconds = Field(
        600.0, description="Longest time for the training of the text model."
    )


class TrainSettings(_Section):
    """How a person's taste is learned."""

    method: Literal["affinity", "seed"] = Field(
        "affinity", description="affinity, or seed: the method of the first write-up."
    )
    search: Search = Field(
        "small",
        description='Hyperparameter search: "small", "seed" (20 of 768), "off", or a '
        "table of lists of your own.",
    )
    search_per: Literal["household", "person"] = Field(
        "household", description="One search over everybody's rows together, or one each."
    )
    pool: bool = Field(
        True,
        description="Learn from what all people of all households have in common, from 20 people "
        "on, or from the prior of jfdask pretrain; false: of each person alone.",
    )
    pool_candidates: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        description="Settings of the trees that are tried whenever a pool of your own people is "
        "made, the defaults among them; 0: no search.",
    )
    folds: Annotated[int, Field(ge=2, le=20)] = Field(5, description="Folds of a person's plays.")
    min_favorites: Annotated[float, Field(ge=0)] = Field(
        10.0,
        description="So many liked movies, and others, weigh as much in a list as the public's "
        "ratings; a search takes its examples from people who have them. 0: ratings have no say.",
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
    diversity: Fraction = Field(
        0.2,
        description="How much a movie's being unlike those before it counts beside its score; "
        "0: the order is the score's alone.",
    )
    reasons: Annotated[int, Field(ge=1, le=3)] = Field(3, description="Reasons a movie at most.")


class RunSettings(_Section):
    """The night as a whole."""

    resume_hours: Annotated[float, Field(ge=0, le=87_600)] = Field(
        12.0, description="A run broken off less long ago is gone on with."
    )


class Settings(_Section):
    """All settings; ``jfdask.configuration`` reads them."""

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
