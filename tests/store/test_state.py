import pandas as pd
import pytest

from jfdask.errors import DamagedArtifact, NewerArtifact, TableError
from jfdask.store.filesystem import Store
from jfdask.store.state import read_state, read_state_table, write_state, write_state_table
from jfdask.tables import CREDITS, PLAYS


def test_a_document_is_replaced_as_a_whole(store: Store) -> None:
    assert read_state(store, "home", "best.json", version=1) is None
    write_state(store, "home", "best.json", {"a": 1, "b": 2}, version=1)
    write_state(store, "home", "best.json", {"a": 3}, version=1)
    assert read_state(store, "home", "best.json", version=1) == {"a": 3}
    assert read_state(store, "away", "best.json", version=1) is None


def test_a_person_s_documents_lie_in_her_folder(folder: Store) -> None:
    write_state(folder, "home", "hits.json", [1], version=1, user_id="u1")
    assert folder.list() == ["state/home/people/u1/hits.json"]
    assert read_state(folder, "home", "hits.json", version=1, user_id="u1") == [1]
    assert read_state(folder, "home", "hits.json", version=1, user_id="u2") is None


def test_versions(folder: Store) -> None:
    write_state(folder, "home", "x.json", {"n": 1}, version=2)
    with pytest.raises(NewerArtifact, match="Upgrade"):
        read_state(folder, "home", "x.json", version=1)
    assert read_state(folder, "home", "x.json", version=3) is None
    migrated = read_state(
        folder,
        "home",
        "x.json",
        version=3,
        migrate=lambda version, data: {**data, "from": version},
    )
    assert migrated == {"n": 1, "from": 2}


@pytest.mark.parametrize("data", [b"", b"[]", b'{"schema": 1}', b'{"schema": "1", "data": 1}'])
def test_garbage(folder: Store, data: bytes) -> None:
    folder.write("state/home/x.json", data)
    with pytest.raises(DamagedArtifact, match=r"x\.json"):
        read_state(folder, "home", "x.json", version=1)


def cast(*item_ids: str) -> pd.DataFrame:
    rows = [
        {
            "item_id": item_id,
            "etag": "e",
            "person_ids": ["p"],
            "person_names": ["Anna"],
            "person_types": ["Actor"],
        }
        for item_id in item_ids
    ]
    return CREDITS.frame(rows)


def test_a_table_is_replaced_as_a_whole(store: Store) -> None:
    assert read_state_table(store, "home", "c.parquet", CREDITS, version=1) is None
    write_state_table(store, "home", "c.parquet", CREDITS, cast("a", "b"), version=1)
    write_state_table(store, "home", "c.parquet", CREDITS, cast("b"), version=1)
    found = read_state_table(store, "home", "c.parquet", CREDITS, version=1)
    pd.testing.assert_frame_equal(found, cast("b"))


def test_versions_of_a_table(folder: Store) -> None:
    write_state_table(folder, "home", "c", CREDITS, cast("a"), version=2)
    assert read_state_table(folder, "home", "c", PLAYS, version=3) is None
    with pytest.raises(NewerArtifact, match="Upgrade"):
        read_state_table(folder, "home", "c", CREDITS, version=1)
    with pytest.raises(TableError, match="plays"):
        read_state_table(folder, "home", "c", PLAYS, version=2)


def test_a_damaged_table(folder: Store) -> None:
    folder.write("state/home/c", b"none")
    with pytest.raises(DamagedArtifact, match="state/home/c"):
        read_state_table(folder, "home", "c", CREDITS, version=1)
