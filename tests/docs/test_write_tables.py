import runpy

import pytest

from jfdask.tables import TABLES, Table


@pytest.fixture(scope="module")
def writer(pages):
    return runpy.run_path(str(pages.root / "docs" / "write_tables.py"))


def test_the_pages_say_what_the_code_says(pages, writer):
    stale = [
        path.name
        for path, wanted in writer["pages"]().items()
        if path.read_text(encoding="utf-8") != wanted
    ]
    assert not stale, f"{stale} differ from the code: run `python docs/write_tables.py`."


def test_every_table_is_told_column_by_column(pages):
    page = pages["docs/artifacts.md"]
    for table in TABLES:
        part = page.partition(f"<!-- columns of {table.name} -->")[2]
        part = part.partition(f"<!-- /columns of {table.name} -->")[0]
        told = [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")]
        assert told == [column.name for column in table.columns], table.name


def test_a_change_of_the_code_shows(writer):
    column = TABLES[0].columns[0]
    before = writer["column_table"](TABLES[0])
    fewer = writer["column_table"](Table("items", "item_id", TABLES[0].columns[1:]))
    assert f"`{column.name}`" in before
    assert f"`{column.name}`" not in fewer
