import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.errors import DumpError
from jfdask.ratings.chunks import Chunk, chunks_of
from jfdask.ratings.dump import open_dump
from jfdask.ratings.rows import RATINGS, Layout, parse_ratings, read_layout

CSV = Layout("ratings.csv", ("userId", "movieId", "rating", "timestamp"), ",")
DAT = Layout("ratings.dat", CSV.columns, "::")
ROWS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 10), st.integers(0, 2**40))
)


def parse(text, layout=CSV, first_line=2):
    return parse_ratings(Chunk(text.encode(), first_line), layout)


@given(rows=ROWS, size=st.integers(1, 99), layout=st.sampled_from([CSV, DAT]))
def test_any_chunks_give_the_same_numbers(rows, size, layout):
    lines = [layout.separator.join(map(str, (u, m, r / 2, t))) for u, m, r, t in rows]
    data = "".join(f"{line}\n" for line in lines).encode()
    tables = [parse_ratings(c, layout) for c in chunks_of(io.BytesIO(data), "f", len(data), size)]
    found = [row for table in tables for row in zip(*table.to_pydict().values(), strict=True)]
    assert found == [(u, m, r / 2, t) for u, m, r, t in rows]
    assert {table.schema for table in tables} <= {RATINGS}


def test_columns_may_stand_in_any_order_and_be_quoted():
    layout = Layout("ratings.csv", ("movieId", "tags", "userId", "rating"), ",")
    table = parse('"7","a, b","3","4.5"\r\n8,,3,5', layout)
    assert table.to_pydict() == {
        "user": [3, 3], "movie": [7, 8], "rating": [4.5, 5.0], "time": [0, 0],
    }  # fmt: skip


def test_nothing_is_nothing():
    assert parse("").num_rows == parse("\n\n").num_rows == 0


@pytest.mark.parametrize(
    "line",
    [
        "1,2,3",
        "1,2,3,4,5",
        "1,2,,4",
        "x,2,3,4",
        "1,2.5,3,4",
        "1,2,6,4",
        "1,2,0,4",
        "1,2,0.4,4",
        "1,2,nan,4",
        "é",
    ],
)
def test_a_bad_line_is_named(line):
    with pytest.raises(DumpError, match=r"ratings\.csv, line 102: ") as error:
        parse(f"1,2,3,4\n\n{line}\n1,2,3,4\n", first_line=100)
    assert repr(line) in str(error.value)
    assert "take the line out" in str(error.value)


def test_a_quotation_mark_that_is_not_closed_swallows_no_line():
    layout = Layout("ratings.csv", (*CSV.columns, "tags"), ",")
    with pytest.raises(DumpError, match=r"line 3: '1,3,3,4,\"abc'"):
        parse('1,2,3,4,x\n1,3,3,4,"abc\n1,4,3,4,x\n1,5,3,4,x"\n', layout)


def test_a_bad_line_of_a_dat_file_is_told_as_it_stands():
    with pytest.raises(DumpError, match="line 3: '1::3::0::5' is no rating"):
        parse("1::2::3::4\n1::3::0::5\n", DAT)


def test_a_column_that_is_spelled_otherwise_is_not_passed_over(tmp_path):
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,Timestamp\n")
    (tmp_path / "links.csv").write_text("movieId,imdbId,tmdbId\n")
    with pytest.raises(DumpError, match="Is it timestamp"):
        read_layout(open_dump(tmp_path))


def test_a_number_that_is_too_long_is_told_of_by_its_chunk():
    with pytest.raises(DumpError, match="lines 2 to 2 cannot be read"):
        parse(f"{'9' * 30},2,3,4")


@pytest.fixture
def dump(tmp_path):
    def write(header):
        (tmp_path / "ratings.csv").write_bytes(header.encode("utf-8-sig") + b"\n1,2,3,4\n")
        (tmp_path / "movies.csv").touch()
        return open_dump(tmp_path)

    return write


def test_the_line_of_names_tells_the_columns(dump):
    found = read_layout(dump("movieId,userId,rating"))
    assert found == Layout("ratings.csv", ("movieId", "userId", "rating"), ",")


@pytest.mark.parametrize("header", ["userId,movieId", "1,2,3.0,4", "", "user;movie;rating"])
def test_a_missing_column_is_named(dump, header):
    with pytest.raises(DumpError, match=r"ratings\.csv, line 1: there is no column .*rating"):
        read_layout(dump(header))


def test_lines_that_end_otherwise(dump):
    with pytest.raises(DumpError, match=r"line 1 cannot be read: .* Lines end with a line feed"):
        read_layout(dump("userId,movieId,rating\r1,2,4.0\r"))


def test_a_dat_file_has_no_names(tmp_path):
    (tmp_path / "ratings.dat").write_text("1::1193::5::978300760\n")
    (tmp_path / "movies.dat").touch()
    layout = read_layout(open_dump(tmp_path))
    assert layout == DAT
    table = parse((tmp_path / "ratings.dat").read_text(), layout, 1)
    np.testing.assert_array_equal(table["rating"], [5.0])
