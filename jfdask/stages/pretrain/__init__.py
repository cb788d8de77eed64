"""The prior: what a dump of public ratings teaches, for households that have no crowd.

The dump is read by the client, chunk by chunk through the store, as workers may not see it. Who
is in it is sampled by a hash; films are a library's by their ids. What is kept in the end are
statistics and factors of films, and a model: nobody of the dump.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from distributed import Client

from jfdask.cluster.connect import connect
from jfdask.errors import DamagedArtifact, DumpError, JfdaskError
from jfdask.model.crowd import N_GROUPS
from jfdask.ratings.dump import Dump, open_dump
from jfdask.ratings.films import read_films
from jfdask.settings import Settings
from jfdask.stages.pools import prior_summary
from jfdask.stages.pretrain import tasks
from jfdask.stages.pretrain.homes import Home, best_of, featurized_homes, films_in_common, told
from jfdask.stages.pretrain.reading import have_parsed
from jfdask.stages.pretrain.workplace import FILMS_FILE, Workplace
from jfdask.stages.units import Progress
from jfdask.stages.window import Call, Work, answer_to, drive, values
from jfdask.stages.workers import alike
from jfdask.store.documents import encode_json
from jfdask.store.filesystem import Store, address_of, open_store, sha256_of
from jfdask.store.lock import Lock, hold_lock
from jfdask.store.tables import encode_arrow
from jfdask.version import code_version

NAME = "pretrain"
_PEOPLE_PER_TASK = 10
_PER_WORKER = 2  # tasks under way


@dataclass(frozen=True)
class Pretrained:
    """What came of it."""

    store_url: str
    common: Mapping[str, int]  # films of the dump that each household has
    home: str  # the household whose library the model was learned on
    summary: Mapping[str, Any]  # as it is kept with the prior
    seconds: float
    is_as_before: bool = False  # the prior was there already


def pretrain(
    settings: Settings, path: Path, progress: Progress, households: Sequence[str] = ()
) -> Pretrained:
    """Make the prior of a dump of public ratings, in place of an earlier one.

    Parameters
    ----------
    path
        The dump: a folder or a zip file on this machine.
    households
        On whose library the model may be learned; empty: on any in the store.

    Raises
    ------
    SettingsError
        There is nothing at the path.
    DumpError
        What is there cannot be read, or teaches nothing about any library.
    MissingArtifact
        No household has features yet.
    LockHeld
        A night is at work on this store.
    """
    began = time.monotonic()
    dump = open_dump(path)
    store = open_store(address_of(settings.store))
    with hold_lock(store, f"jfdask {NAME}", settings.store.lock_seconds) as lock:
        homes = featurized_homes(store, households)
        progress.stage(NAME)
        films = read_films(dump)
        common = films_in_common(homes, films)
        home = best_of(homes, common)
        progress.say(f"{told(common)} films of the dump; learning on {home.name!r}")
        digest = _digest(dump, home, settings)
        summary, is_as_before = prior_summary(store), True
        given = _Job(settings, store, lock, progress, dump, films, home, digest)
        if summary is None or summary.get("made_of") != digest:
            summary, is_as_before = _make(given), False
        else:
            # What is left of one that was killed as it ended, or of another dump.
            given.work.remove_others()
            given.work.remove()
    seconds = time.monotonic() - began
    return Pretrained(store.url, common, home.name, summary, seconds, is_as_before)


@dataclass(frozen=True)
class _Job:
    """A pretraining under way."""

    settings: Settings
    store: Store
    lock: Lock
    progress: Progress
    dump: Dump
    films: pd.DataFrame
    home: Home
    digest: str

    @property
    def work(self) -> Workplace:
        return Workplace(self.store.address, self.digest[:16])

    @property
    def seed(self) -> int:
        return self.settings.train.random_state

    def watch(self) -> None:
        """Raise if the lock is another's: nothing more is to be begun."""
        if self.lock.is_lost:
            raise self.lock.loss(NAME)


def _digest(dump: Dump, home: Home, settings: Settings) -> str:
    """Return the digest of all that a prior comes of."""
    made_of = {
        "dump": dump.sha256(),
        "library": home.library,
        "random_state": settings.train.random_state,
        "code": code_version(),
    }
    return sha256_of(encode_json(made_of))


def _make(job: _Job) -> Mapping[str, Any]:
    """Do it on the cluster; return the prior's summary."""
    job.work.remove_others()
    try:
        outcome = _drive(job)
    except (DamagedArtifact, DumpError):
        # It cannot be gone on with, and nothing of anybody is to lie about.
        job.work.remove()
        raise
    job.work.remove()
    return outcome


def _drive(job: _Job) -> Mapping[str, Any]:
    name = job.dump.name
    with connect(job.settings.cluster) as client, _alike(job, client):
        n_workers = max(1, len(client.nthreads()))
        outcome = drive(
            client,
            {name: _learn(job)},
            _PER_WORKER * n_workers,
            job.progress.advance,
            watch=job.watch,
            stall_seconds=job.settings.cluster.stall_seconds,
        )[name]
    if isinstance(outcome, JfdaskError):
        raise outcome
    return outcome


def _alike(job: _Job, client: Client) -> AbstractContextManager[None]:
    if job.settings.cluster.address == "local":
        return nullcontext()
    return alike(client, job.store, (), job.progress.say)


def _learn(job: _Job) -> Work[Mapping[str, Any]]:
    """Make everything up to the prior, each step of what the one before stored."""
    work, place = job.work, job.home.place
    work.write(FILMS_FILE, encode_arrow(pa.Table.from_pandas(job.films, preserve_index=False)))
    n_parts = yield from have_parsed(job.dump, work)
    counts = yield from answer_to(Call(tasks.choose, (work, n_parts)))
    groups = [None, *range(N_GROUPS)]
    values((yield [Call(tasks.make_crowd, (work, group), "crowds") for group in groups]))
    people = yield from answer_to(Call(tasks.people_to_learn_from, (work, place)))
    some = [
        (group, own[i : i + _PEOPLE_PER_TASK])
        for group, own in enumerate(people)
        for i in range(0, len(own), _PEOPLE_PER_TASK)
    ]
    rows = [
        Call(tasks.make_rows, (work, place, i, own, group, job.seed), "people", len(own))
        for i, (group, own) in enumerate(some)
    ]
    values((yield rows))
    yield from answer_to(Call(tasks.fit, (work, len(some), job.seed)))
    summary = {
        "made_of": job.digest,
        "dump": job.dump.name,
        "household": place.household,
        **asdict(counts),
        "n_trained": sum(map(len, people)),
    }
    if not job.lock.still_held():
        raise job.lock.loss(NAME)
    yield from answer_to(Call(tasks.publish, (work, summary)))
    return summary
