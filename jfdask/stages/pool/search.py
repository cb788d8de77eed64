"""Settings of the pooled trees, chosen by a search on a sample of our own people's plays."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from jfdask.errors import DataError
from jfdask.model.crowd import N_GROUPS
from jfdask.model.grid import chosen_params
from jfdask.model.holdout import stable_fractions
from jfdask.model.inputs import Bools
from jfdask.model.pooled import PooledRows
from jfdask.model.pooled_search import (
    GroupFolds,
    PooledClassifier,
    Sizes,
    pooled_candidates,
)
from jfdask.settings import TrainSettings
from jfdask.stages.pool.making import Making, group_of_file, of_plays
from jfdask.stages.pooled_rows import beneath
from jfdask.stages.searching import FAILED, Topic, cross_validated, fits_told
from jfdask.stages.units import Night
from jfdask.stages.window import Call, Work, values
from jfdask.store.documents import decode_json, encode_json

logger = logging.getLogger(__name__)

#: Plays that a search sees at most: some 60 MB in every worker process.
MOST_PLAYS = 100_000
_FOUND = "search.json"
_FEWEST_FOLDS = 2


def searched(night: Night, making: Making, names: Sequence[str]) -> Work[Mapping[str, Any]]:
    """Return what a search found, as it stands in the pool's summary; nothing if there is none."""
    settings = night.settings.train
    n_candidates = settings.pool_candidates
    if not n_candidates:
        return {}
    calls = [Call(sample_plays, (making, names, settings.random_state))]
    [sizes] = values((yield calls))
    if len(sizes) < _FEWEST_FOLDS:
        return {}
    topic = Topic("jfdask-search-of-the-pool", night.run_id)
    n_fits = n_candidates * len(sizes)

    def told(n_done: int) -> None:
        night.progress.advance("all households", "fits of candidates", n_done, n_fits)

    searches = [search(making, sizes, settings, topic)]
    [found] = values((yield from fits_told(night, searches, topic, told)))
    return {"search": found}


def sample_plays(making: Making, names: Sequence[str], seed: int) -> Sizes:
    """Write some people's plays, all that count of each; return how many there are by group."""
    files = sorted(of_plays(names))  # so that a group's are beside each other
    # Read twice, file by file: the rows of all people together may be more than fits in memory.
    people = [
        (number, code, int(counted.sum()))
        for number, rows in enumerate(making.read_rows_whole(files))
        for code, counted in _by_person(rows)
    ]
    n_plays = np.array([n for _, _, n in people])
    drawn = stable_fractions(f"pooled search {seed}", map(str, range(len(people))))
    order = np.argsort(drawn, kind="stable")
    chosen = order[np.cumsum(n_plays[order]) <= MOST_PLAYS]
    kept = {people[i][:2] for i in chosen.tolist()}
    sample = [
        (group_of_file(name), rows.taken(counted))
        for number, (name, rows) in enumerate(
            zip(files, making.read_rows_whole(files), strict=True)
        )
        for code, counted in _by_person(rows)
        if (number, code) in kept
    ]
    making.write_sample(beneath([rows for _, rows in sample]))
    sizes = [sum(len(rows.liked) for g, rows in sample if g == group) for group in range(N_GROUPS)]
    return tuple((group, size) for group, size in enumerate(sizes) if size)


def _by_person(rows: PooledRows) -> Iterator[tuple[int, Bools]]:
    """Yield each person's number in a file, and which rows are hers and count."""
    person, counts = np.asarray(rows.person), np.asarray(rows.weight) > 0
    for code in np.unique(person):
        yield int(code), (person == code) & counts


def search(
    making: Making, sizes: Sizes, settings: TrainSettings, topic: Topic
) -> Work[dict[str, Any]]:
    """Return what was tried, how good it was, and what is best; of a broken off night, if there.

    If it fails, or a candidate does, nothing is chosen, and that stands there (``failed``).
    """
    key = making.key(_FOUND)
    if _FOUND in making.names():
        return dict(decode_json(making.store.read(key), key))
    seed = settings.random_state
    tried = pooled_candidates(settings.pool_candidates, seed)
    n_plays = sum(size for _, size in sizes)
    failed = {"n_plays": n_plays, "candidates": [], "auc": [], "chosen": {}, "failed": True}
    try:
        results = yield from cross_validated(
            PooledClassifier(SampleSource(making), sizes, random_state=seed),
            {"favorite_params": tried},
            GroupFolds(sizes),
            n_plays,
            topic,
        )
    except DataError as error:
        logger.warning("The search for settings of the pool failed: %s", error)
        return failed
    scores = np.asarray(results["mean_test_score"])
    by_fold = np.array([results[f"split{i}_test_score"] for i in range(len(sizes))])
    if (by_fold <= FAILED).any():
        logger.warning("Candidates of the search for settings of the pool failed.")
        return failed
    chosen = chosen_params(results, len(sizes), {"favorite_params": None})["favorite_params"]
    found = {
        "n_plays": n_plays,
        "candidates": [params["favorite_params"] or {} for params in results["params"]],
        "auc": scores.tolist(),
        "chosen": chosen or {},
    }
    making.store.write(key, encode_json(found))
    return found


@dataclass(frozen=True)
class SampleSource:
    """Finds the sample where it arrives."""

    making: Making

    def load(self) -> PooledRows:
        """Return the plays; the same object each time."""
        return _sample(self.making)


@lru_cache(maxsize=1)
def _sample(making: Making) -> PooledRows:
    return making.read_sample()
