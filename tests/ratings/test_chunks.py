import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.errors import DumpError
from jfdask.ratings.chunks import LONGEST_LINE, chunk_sizes, chunks_of, read_chunks
from jfdask.ratings.dump import open_dump

LINES = st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b" ")), max_size=30)


@given(lines=LINES, size=st.integers(1, 60), ends=st.booleans())
def test_chunks_are_the_file_cut_at_ends_of_lines(lines, size, ends):
    data = b"\n".join(lines) + (b"\n" if ends and lines else b"")
    chunks = list(chunks_of(io.BytesIO(data), "a file", len(data), size))
    assert b"".join(chunk.data for chunk in chunks) == data
    assert len(chunks) == -(-len(data) // size)
    assert all(chunk.data.endswith(b"\n") for chunk in chunks if chunk.data) or not ends
    for before, chunk in pairwise(chunks):
        assert chunk.first_line == before.first_line + before.data.count(b"\n")
    for before, _ in pairwise([chunk for chunk in chunks if chunk.data]):
        assert before.data.endswith(b"\n")
    for chunk in chunks:
        assert len(chunk.data) <= size + 12


def test_a_file_without_lines_is_not_read_to_its_end():
    endless = io.BytesIO(b"x" * 10 * LONGEST_LINE)
    with pytest.raises(DumpError, match="a file, line 4: over 10000 bytes"):
        list(chunks_of(endless, "a file", 10 * LONGEST_LINE, 100, first_line=4))


@pytest.mark.parametrize(("ratings", "first_line"), [("ratings.csv", 2), ("ratings.dat", 1)])
def test_a_dumps_chunks_begin_below_the_names(tmp_path, ratings, first_line):
    (tmp_path / ratings).write_text("userId,movieId\n1,2\n3,4\n")
    (tmp_path / "movies.dat").touch()
    (tmp_path / "movies.csv").touch()
    dump = open_dump(tmp_path)
    chunks = list(read_chunks(dump, 5))
    assert chunks[0].first_line == first_line
    assert chunks[0].data == (b"1,2\n3,4\n" if first_line == 2 else b"userId,movieId\n")
    assert len(chunk_sizes(dump, 5)) == len(chunks)
    assert sum(chunk_sizes(dump, 5)) == sum(len(chunk.data) for chunk in chunks)
