"""What was learned of a person, as it is read from the store: whole again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jfdask.model.calibration import Calibration
from jfdask.model.inputs import InMemory
from jfdask.model.personal import Learned
from jfdask.stages.files import FAVORITE, PLAYED
from jfdask.stages.household import features, pool, vectors
from jfdask.stages.places import Place
from jfdask.store.keys import person
from jfdask.store.units import UnitReader


def read_learned(
    trained: UnitReader, place: Place, user_id: str, measured: Mapping[str, Any]
) -> Learned:
    """Return a person's models, with tonight's features and pool attached: those they came of.

    Parameters
    ----------
    trained
        What reads the unit of the stage train that they are in.
    measured
        Her metrics.json of that unit.
    """
    kind, many = measured["kind"], pool(place)
    others = None if many is None or kind == "seed" else many.of(user_id)

    def model(name: str) -> Any:
        if person(user_id, name) not in trained.manifest.files:
            return None
        found = trained.model(person(user_id, name))
        is_seeds = kind == "seed" and name == FAVORITE
        found.set_params(features=InMemory(vectors(place) if is_seeds else features(place)))
        return (
            found.set_params(others=InMemory(others)) if "others" in found.get_params() else found
        )

    # An earlier night's model, that was kept, may never have been measured.
    calibration = measured.get("calibration")
    return Learned(
        user_id=user_id,
        kind=kind,
        notice=measured["notice"],
        favorite=model(FAVORITE),
        played=model(PLAYED),
        metrics={},
        calibration=Calibration(**calibration) if calibration else None,
        others=others,
    )
