"""The files of movies and people, and what is said of odd ones."""

import json
import lzma

import pytest
from quality_bench.reading import find, read_movies, read_people

from jfdask.errors import DataError

from .conftest import N_MOVIES, run


def test_compressed_files_are_read_as_plain_ones(data, tmp_path):
    packed = tmp_path / "packed"
    packed.mkdir()
    for path in data.iterdir():
        (packed / f"{path.name}.xz").write_bytes(lzma.compress(path.read_bytes()))
    movies, movie_of_item = read_movies(packed)
    plain, _ = read_movies(data)
    assert movies.equals(plain)
    assert len(movie_of_item) == len(movies) == N_MOVIES
    users = find(packed, "users.json")
    assert ratings_of(users, movie_of_item) == ratings_of(data / "users.json", movie_of_item)
    with pytest.raises(DataError, match="an entry has no 'ratings'"):
        read_people(data / "boxsets.json", movie_of_item)
    with pytest.raises(DataError, match=r"users\.json"):
        find(tmp_path, "users.json")


def ratings_of(path, movie_of_item):
    return [p.ratings for p in read_people(path, movie_of_item)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello", "Expecting value"),
        ('[{"Id": "é", "ratings": []}]'.encode("latin-1"), "can't decode byte"),
        (b'{"Id": "a"}', "indices"),
        (b"[3]", "not subscriptable"),
        (b'[{"Id": "a", "ratings": [["m", "many", 0]]}]', "could not convert"),
        (b'[{"Id": "a", "ratings": [["m", 4.0]]}]', "not enough values"),
    ],
)
def test_what_is_wrong_with_a_file_of_people_is_a_sentence(tmp_path, content, why):
    path = tmp_path / "people.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"people\.json cannot be read as a list.*{why}"):
        read_people(path, {})


def test_a_file_that_is_missing_a_folder_or_cut_is_a_sentence(data, tmp_path, capsys):
    packed = lzma.compress((data / "users.json").read_bytes())
    (tmp_path / "half.json.xz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "folder.json").mkdir()
    for name, why in (
        ("none.json", "No such file"),
        ("folder.json", "Is a directory"),
        ("half.json.xz", "ended before"),
    ):
        path = tmp_path / name
        for option in ("--people", "--crowd"):
            assert run(data, tmp_path / "r.json", option, str(path)) == DataError.exit_code
            told = capsys.readouterr().err
            assert told.startswith(f"{path} cannot be read")
            assert why in told


def test_a_broken_catalogue_is_a_sentence(data, tmp_path):
    lines = (data / "items.jsonl").read_text(encoding="utf-8").split("\n")[:9]
    items, boxsets = tmp_path / "items.jsonl", tmp_path / "boxsets.json"
    items.write_text("\n".join(lines)[:-30])
    boxsets.write_text("[]")
    with pytest.raises(DataError, match=r"items\.jsonl cannot be read as movies.*: line 9, "):
        read_movies(tmp_path)
    items.write_text("\n".join(lines))
    boxsets.write_text('[{"Id": "1", "MovieIds": []}]')
    with pytest.raises(DataError, match=r"boxsets\.json cannot be read.* has no 'Name'"):
        read_movies(tmp_path)


def test_marks_and_odd_ends_of_lines_are_read(data, tmp_path):
    first, *others = (data / "items.jsonl").read_text(encoding="utf-8").split("\n")
    odd = json.dumps({**json.loads(first), "Overview": "one\u2028two\x85three"}, ensure_ascii=False)
    for name, text in (
        ("items.jsonl", "\r\n".join([odd, *others])),
        ("boxsets.json", (data / "boxsets.json").read_text(encoding="utf-8")),
        ("users.json", (data / "users.json").read_text(encoding="utf-8")),
    ):
        (tmp_path / name).write_bytes(text.encode("utf-8-sig"))
    movies, movie_of_item = read_movies(tmp_path)
    assert len(movies) == N_MOVIES
    marked = ratings_of(tmp_path / "users.json", movie_of_item)
    assert marked == ratings_of(data / "users.json", movie_of_item)


def test_a_movie_that_was_rated_twice_is_what_was_said_last(tmp_path, capsys):
    """Also in two copies; what the data do not know is left out, and told."""
    path = tmp_path / "people.json"
    ratings = [["a", 5.0, 2], ["a", 1.0, 3], ["a copy", 4.0, 1], ["b", 3.0, 1], ["x", 3.0, 1]]
    path.write_text(json.dumps([{"Id": "anna", "ratings": ratings}]))
    [anna] = read_people(path, {"a": "m", "a copy": "m", "b": "n"})
    assert anna.ratings == {("m", 1.0, 3.0), ("n", 3.0, 1.0)}
    assert capsys.readouterr().err == f"{path}: 1 of 5 ratings are of no movie of the data.\n"
