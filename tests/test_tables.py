import numpy as np
import pandas as pd
import pytest

from jfdask.errors import TableError
from jfdask.tables import CREDITS, PLAYS, TABLES

ROW = {
    "item_id": "a",
    "etag": "1",
    "person_ids": ["p"],
    "person_names": ["P"],
    "person_types": ["Actor"],
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_rows_make_an_empty_frame_with_all_columns(table):
    frame = table.frame([])
    assert list(frame.columns) == [column.name for column in table.columns]
    assert len(table.from_arrow(table.to_arrow(frame))) == 0


def test_rows_are_sorted_by_key_and_survive_the_way_through_arrow():
    frame = CREDITS.frame([{**ROW, "item_id": "b"}, ROW])
    assert list(frame["item_id"]) == ["a", "b"]
    pd.testing.assert_frame_equal(CREDITS.from_arrow(CREDITS.to_arrow(frame)), frame)


def test_missing_numbers_texts_and_times():
    row = dict.fromkeys([column.name for column in PLAYS.columns])
    frame = PLAYS.frame([{**row, "movie_id": "m", "played": False, "is_favorite": False}])
    assert np.isnan(frame["rating"][0])
    assert pd.isna(frame["item_id"][0])
    assert pd.isna(frame["last_played"][0])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([ROW, ROW], "item_id 'a' stands there twice"),
        ([{**ROW, "item_id": None}], "a row has no item_id"),
        ([{**ROW, "person_ids": 3}], "column person_ids is not list"),
    ],
)
def test_what_is_refused(rows, told):
    with pytest.raises(TableError, match=told):
        CREDITS.frame(rows)


def test_missing_and_unknown_columns_are_named():
    frame = CREDITS.frame([ROW]).rename(columns={"etag": "tag"})
    with pytest.raises(TableError, match=r"missing columns \['etag'\], unknown columns \['tag'\]"):
        CREDITS.to_arrow(frame)


def test_another_table_is_not_taken_for_this_one():
    arrow = CREDITS.to_arrow(CREDITS.frame([ROW]))
    with pytest.raises(TableError):
        PLAYS.from_arrow(arrow)
    with pytest.raises(TableError, match="other types"):
        CREDITS.from_arrow(arrow.set_column(0, "item_id", [[1]]))
