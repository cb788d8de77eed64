"""What workers do to make lists. Every function is one Dask task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from jfdask.errors import StaleModel
from jfdask.model.personal_list import recommend
from jfdask.settings import RecommendSettings
from jfdask.stages.files import (
    FETCH,
    LEARNED,
    METRICS,
    RECOMMEND,
    RECOMMENDATIONS_TABLE,
    TRAIN,
    USER,
)
from jfdask.stages.files import RECOMMENDATIONS as DOCUMENT
from jfdask.stages.household import facts, features, features_digest, history, pool_digest
from jfdask.stages.learned import read_learned
from jfdask.stages.people import PersonReport, carry_person_over, each_person
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import reader, unit_writer
from jfdask.store.keys import person
from jfdask.tables import RECOMMENDATIONS


def who_was_learned(place: Place) -> tuple[str, ...]:
    """Return the ids of the people who have a model, or a notice why not."""
    return tuple(reader(place, TRAIN).user_ids(METRICS))


def recommend_to(
    place: Place, user_ids: Sequence[str], chosen: Sequence[str], settings: RecommendSettings
) -> list[PersonReport]:
    """Write the lists of some people; who is not chosen keeps the list of before."""

    def list_or_keep(user_id: str) -> PersonReport:
        kept = None if user_id in chosen else carry_person_over(place, RECOMMEND, user_id)
        return kept or _recommend_to(place, user_id, settings)

    return each_person(place, RECOMMEND, user_ids, "list", list_or_keep)


def _recommend_to(place: Place, user_id: str, settings: RecommendSettings) -> PersonReport:
    trained = reader(place, TRAIN)
    document = trained.json(person(user_id, LEARNED))
    tonight = {"features": features_digest(place), "pool": pool_digest(place)}
    if any(document.get(name) != digest for name, digest in tonight.items()):
        raise StaleModel(
            "what was learned of her is of another night's library or pool. Run: jfdask train."
        )
    measured = trained.json(person(user_id, METRICS))
    learned = read_learned(trained, place, user_id, measured)
    frame, meaning = recommend(
        learned,
        history(place, user_id),
        features(place),
        facts(place),
        max_per_collection=settings.max_per_collection,
        n_reasons=settings.reasons,
        diversity=settings.diversity,
    )
    writer = unit_writer(place, RECOMMEND)
    writer.table(person(user_id, RECOMMENDATIONS_TABLE), RECOMMENDATIONS, frame)
    listed = {
        "household": place.household,
        **reader(place, FETCH).json(person(user_id, USER)),
        "kind": learned.kind,
        "notice": learned.notice,
        "score_meaning": meaning,
        "recommendations": _rows(frame),
    }
    writer.json(person(user_id, DOCUMENT), listed)
    return PersonReport(user_id, writer.receipts, {"kind": learned.kind, "n": len(frame)})


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a list's rows for JSON, which knows neither NaN nor 2016.0."""
    years = frame["production_year"].tolist()
    columns = {
        **{name: frame[name].tolist() for name in frame.columns},
        "production_year": [int(year) if year == year else None for year in years],
        "reasons": [reasons.tolist() for reasons in frame["reasons"]],
        "reason_kinds": [kinds.tolist() for kinds in frame["reason_kinds"]],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
