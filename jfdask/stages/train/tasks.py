"""What workers do to learn. Every function is one Dask task."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jfdask.errors import DamagedArtifact, MissingArtifact
from jfdask.model.calibration import Reliability, together
from jfdask.model.personal import Learned, LearnOptions, learn
from jfdask.stages.files import (
    FAVORITE,
    FEATURIZE,
    FETCH,
    LEARNED,
    METRICS,
    PLAYED,
    PLAYS_TABLE,
    RELIABILITY,
    TRAIN,
)
from jfdask.stages.household import (
    RowsSource,
    features,
    features_digest,
    history,
    pool,
    pool_digest,
    vectors,
)
from jfdask.stages.people import PersonReport, carry_person_over, each_person
from jfdask.stages.places import Place
from jfdask.stages.train.renewing import Renewed, grown_on, renewed
from jfdask.stages.unit_tasks import reader, unit_writer
from jfdask.store.documents import encode_json, read_json
from jfdask.store.filesystem import sha256_of
from jfdask.store.keys import person, run_key
from jfdask.store.manifests import settings_fingerprint
from jfdask.store.state import recall_state, write_state
from jfdask.version import code_version

logger = logging.getLogger(__name__)

VERSION = 1
PARAMETERS = "parameters.json"
#: Growth of the histories after which parameters are searched for again.
GROWTH = 1.1


@dataclass(frozen=True)
class KnownParameters:
    """What is known before a search."""

    n_rows: int
    params: Mapping[str, Any] | None  # None: to be searched for


@dataclass(frozen=True)
class SearchResult:
    """What a search found, as it is kept."""

    wanted: str  # digest of the settings it was made for
    n_rows: int
    params: Mapping[str, Any]
    score: float


def known_parameters(source: RowsSource, owner: str | None, wanted: str) -> KnownParameters:
    """Return the parameters that an earlier night found, if they still hold."""
    n_rows = len(source.load())
    place = source.place
    kept = recall_state(place.store, place.household, PARAMETERS, version=VERSION, user_id=owner)
    if kept is None or kept["wanted"] != wanted or n_rows > GROWTH * kept["n_rows"]:
        return KnownParameters(n_rows, None)
    return KnownParameters(n_rows, kept["params"])


def keep_parameters(place: Place, owner: str | None, found: SearchResult) -> None:
    """Keep what a search found for the nights to come."""
    data = {"wanted": found.wanted, "n_rows": found.n_rows, "params": dict(found.params)}
    data["score"] = found.score
    write_state(place.store, place.household, PARAMETERS, data, version=VERSION, user_id=owner)


def learn_people(
    place: Place,
    user_ids: Sequence[str],
    chosen: Sequence[str],
    options: LearnOptions,
    params: Mapping[str, Mapping[str, Any]],
) -> list[PersonReport]:
    """Learn the taste of some people; who is not chosen keeps the model of before."""

    def learn_or_keep(user_id: str) -> PersonReport:
        kept = None if user_id in chosen else carry_person_over(place, TRAIN, user_id)
        return kept or _learn_person(place, user_id, replace(options, params=params[user_id]))

    return each_person(place, TRAIN, user_ids, "model", learn_or_keep)


def _learn_person(place: Place, user_id: str, options: LearnOptions) -> PersonReport:
    wanted = _wanted(place, user_id, options)
    done = _done_before(place, user_id, wanted)
    if done is not None:
        return done
    learned_by = settings_fingerprint(
        {"options": options, "code": code_version(), "pool": pool_digest(place)}
    )
    earlier = renewed(place, user_id, learned_by)
    if earlier is None:
        matrix = features(place)
        reduced = vectors(place) if options.method == "seed" else None
        others = pool(place)
        known = history(place, user_id)
        learned = learn(known, matrix, options, vectors=reduced, pool=others)
        earlier = Renewed(
            learned,
            grown_on(place, user_id),
            encode_json(metrics_document(learned, options, len(known.played))),
            summary_of(learned),
        )
    learned = earlier.learned
    writer = unit_writer(place, TRAIN)
    if learned.favorite is not None:
        writer.model(person(user_id, FAVORITE), learned.favorite.detached())
    if learned.played is not None:
        writer.model(person(user_id, PLAYED), learned.played.detached())
    writer.bytes(person(user_id, METRICS), earlier.metrics)
    if learned.reliability is not None:
        writer.json(person(user_id, RELIABILITY), learned.reliability.to_dict())
    files = {name: [file.sha256, file.size] for name, file in writer.receipts.items()}
    # Last: who finds it finds the rest.
    document = {
        "wanted": wanted,
        "learned_by": learned_by,
        "grown_on": dict(earlier.grown_on),
        "features": features_digest(place),
        "pool": pool_digest(place),
        "files": files,
        "summary": dict(earlier.summary),
    }
    writer.json(person(user_id, LEARNED), document)
    return PersonReport(user_id, writer.receipts, earlier.summary)


def metrics_document(learned: Learned, options: LearnOptions, n_plays: int) -> dict[str, Any]:
    """Return what is stored of how good a person's model is; of more plays, maybe, than it saw."""
    return {
        "kind": learned.kind,
        "notice": learned.notice,
        "params": dict(options.params),
        "calibration": learned.calibration.to_dict() if learned.calibration else None,
        "n_plays": n_plays,
        "metrics": {
            which: {method: figures.to_dict() for method, figures in methods.items()}
            for which, methods in learned.metrics.items()
        },
    }


def summary_of(learned: Learned) -> dict[str, Any]:
    """Return the few figures that a run's summary tells of a person."""
    out_of_fold = learned.metrics.get("out_of_fold", {})
    summary: dict[str, Any] = {"kind": learned.kind}
    for method, figures in out_of_fold.items():
        summary[method] = {"n": figures.n, "auc": figures.auc, "f1": figures.f1, "ap": figures.ap}
    if learned.reliability is not None:
        summary["reliability"] = learned.reliability.to_rows()
    return summary


def calibration_error(summaries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the calibration error of all people's predictions together, and their number.

    Parameters
    ----------
    summaries
        What ``summary_of`` returned for each of them.
    """
    rows = [summary["reliability"] for summary in summaries if "reliability" in summary]
    everybody = together(Reliability.from_rows(some) for some in rows)
    return {"n": int(everybody.n.sum()), "error": everybody.error}


def _wanted(place: Place, user_id: str, options: LearnOptions) -> str:
    """Return the digest of all that a person's model comes of."""
    plays = reader(place, FETCH).manifest.files[person(user_id, PLAYS_TABLE)].sha256
    made_of = {
        "plays": plays,
        "features": reader(place, FEATURIZE).manifest.checksums(),
        "pool": pool_digest(place),
        "options": settings_fingerprint(options),
        "code": code_version(),
    }
    return sha256_of(encode_json(made_of))


def _done_before(place: Place, user_id: str, wanted: str) -> PersonReport | None:
    """Take over a model that was made of the same, in a run broken off or the one before."""
    for run_id in filter(None, (place.run_id, place.forerunner, place.previous)):
        key = run_key(run_id, TRAIN, place.household, person(user_id, LEARNED))
        try:
            learned = read_json(place.store, key)
            if learned["wanted"] != wanted:
                continue
            writer = unit_writer(place, TRAIN)
            for name, (sha256, _) in learned["files"].items():
                stored = run_key(run_id, TRAIN, place.household, name)
                writer.bytes(name, place.store.read_checked(stored, sha256))
        except MissingArtifact:
            continue
        except DamagedArtifact as error:
            logger.warning("A model is trained again: %s", error)
            continue
        writer.json(person(user_id, LEARNED), learned)
        return PersonReport(user_id, writer.receipts, learned["summary"])
    return None
