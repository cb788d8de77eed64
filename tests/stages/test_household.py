from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd

from jfdask.model.history import MOST_PLAYS
from jfdask.settings import StoreSettings
from jfdask.stages import household
from jfdask.stages.files import FETCH, PLAYS_TABLE
from jfdask.stages.places import Place
from jfdask.store.filesystem import address_of
from jfdask.store.keys import person
from jfdask.store.units import UnitWriter
from jfdask.tables import PLAYS

NOW = datetime(2026, 8, 1, tzinfo=UTC)


def test_a_history_is_all_of_it_however_long(tmp_path, monkeypatch):
    """What is learned from is less; what she has seen, and may be shown, is not."""
    ids = np.array([f"m{i:05}" for i in range(MOST_PLAYS + 200)])
    address = address_of(StoreSettings(url=str(tmp_path)))
    place = Place(address, "20260801T030000Z-0a1b2c", "home")
    blank = dict.fromkeys(column.name for column in PLAYS.columns)
    seen = {"played": True, "is_favorite": False, "position_fraction": 0.0}
    plays = pd.DataFrame({**blank, **seen, "movie_id": ids, "item_id": ids})
    writer = UnitWriter(place.store, place.run_id, FETCH, "home")
    writer.table(person("a1", PLAYS_TABLE), PLAYS, plays)
    writer.close(inputs={}, settings={}, code_version="1", started=NOW, finished=NOW)
    monkeypatch.setattr(household, "features", lambda _: SimpleNamespace(movie_ids=ids))
    history = household.history(place, "a1")
    assert len(history.played) == len(history.visible) == len(ids)
    assert len(history.thinned(ids).played) == MOST_PLAYS
