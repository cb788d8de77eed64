import time

import numpy as np
import pytest

from jfdask.errors import DumpError
from jfdask.ratings import films as module
from jfdask.ratings.dump import open_dump
from jfdask.ratings.films import read_films, split_title


@pytest.fixture
def films(tmp_path):
    def read(encoding="utf-8", **files):
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_bytes(text.encode(encoding))
        return read_films(open_dump(tmp_path))

    return read


def test_ids_and_titles_are_put_together(films):
    found = films(
        ratings_csv="",
        links_csv="movieId,imdbId,tmdbId\n3,0113228,15602.0\n1,0114709,862\n2,0113497,\n9,,\n",
        movies_csv='movieId,title,genres\n1,Toy Story (1995),A\n9,"Thing, The (1982)",B\n',
    )
    assert found["movie"].tolist() == [1, 2, 3, 9]
    assert found["film_id"].tolist() == ["tmdb:862", "imdb:tt0113497", "tmdb:15602", "movielens:9"]
    assert found["imdb_id"].tolist()[:3] == ["tt0114709", "tt0113497", "tt0113228"]
    assert found["title"].tolist()[0] == "Toy Story"
    assert found["title"].tolist()[3] == "Thing, The"
    np.testing.assert_array_equal(found["year"], [1995, np.nan, np.nan, 1982])


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_dat_files_are_read_in_their_encoding(films, encoding):
    text = "1::Toy Story (1995)::Animation\n\n2::Misérables, Les (1995)::Drama|Musical\n"
    found = films(encoding, ratings_dat="", movies_dat=text)
    assert found["title"].tolist() == ["Toy Story", "Misérables, Les"]
    assert found["film_id"].tolist() == ["movielens:1", "movielens:2"]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Heat (1995)", ("Heat", None, 1995)),
        ("(500) Days of Summer (2009)", ("(500) Days of Summer", None, 2009)),
        ("Seven (a.k.a. Se7en) (1995)", ("Seven", "Se7en", 1995)),
        ("Seven  (A.K.A. Se7en)  (1995) ", ("Seven", "Se7en", 1995)),
        ("Fawlty Towers (1975-1979)", ("Fawlty Towers", None, 1975)),
        ("Das Millionenspiel (1970-)", ("Das Millionenspiel", None, 1970)),
        ("2001", ("2001", None, None)),
    ],
)
def test_titles_come_apart(title, expected):
    found = split_title(title)
    assert (found["title"], found.get("other_title"), found.get("year")) == expected


def test_an_id_of_0_is_none(films):
    links = "movieId,imdbId,tmdbId\n1,0000000,0\n2,0000000,0\n3,TT0114709,0862.0\n"
    found = films(ratings_csv="", links_csv=links)
    assert found["film_id"].tolist() == ["movielens:1", "movielens:2", "tmdb:862"]
    assert found["imdb_id"].tolist()[2] == "tt0114709"


@pytest.mark.parametrize("link", ["1,-5,", "1,,-1", "1,,1_0", "1,,862.7", "1,\u0663,"])
def test_an_id_that_is_none_is_named(films, link):
    with pytest.raises(DumpError, match=r"links\.csv: the (imdb|tmdb)Id of movie 1 is none"):
        films(ratings_csv="", links_csv=f"movieId,imdbId,tmdbId\n{link}\n")


def test_a_quotation_mark_that_is_not_closed_swallows_no_film(films):
    movies = 'movieId,title,genres\n1,"Foo (1995),A\n2,Bar (1996),A\n3,Baz (1997),"A"\n'
    with pytest.raises(DumpError, match=r"movies\.csv, line 4: a quotation mark"):
        films(ratings_csv="", movies_csv=movies)


def test_a_title_of_spaces_takes_no_time():
    began = time.process_time()
    assert split_title("a" + " " * 100_000 + "b")["title"] == "a b"
    assert time.process_time() - began < 1


def test_a_file_that_is_too_large_is_not_read(films, monkeypatch):
    monkeypatch.setattr(module, "_MOST_BYTES", 10)
    with pytest.raises(DumpError, match="too large to be a file of movies"):
        films(ratings_csv="", links_csv="movieId,imdbId,tmdbId\n")


@pytest.mark.parametrize(
    ("links", "told"),
    [
        ("movieId,imdbId\n1,2\n", r"links\.csv, line 1: there is no column tmdbId"),
        ("", r"there is no column movieId or imdbId or tmdbId"),
        ("movieId,imdbId,tmdbId\n1,0114709,862\nx,1,2\n", r"links\.csv, line 3: 'x' is no movie"),
        ("movieId,imdbId,tmdbId\n1,abc,2\n", r"links\.csv: the imdbId of movie 1 is none: 'abc'"),
        ("movieId,imdbId,tmdbId\n1,2,inf\n", r"links\.csv: the tmdbId of movie 1 is none: 'inf'"),
        ("movieId,imdbId,tmdbId\n1\n", r"links\.csv, line 2: it ends too early"),
        (f"movieId,imdbId,tmdbId\n{9**30},1,2\n", r"links\.csv, line 2: '\d+' is no movie"),
        ('movieId,imdbId,tmdbId\n1,"' + "2,3\n" * 99_999, r"line \d+: field larger than"),
    ],
)
def test_what_is_wrong_is_said(films, links, told):
    with pytest.raises(DumpError, match=told):
        films(ratings_csv="", links_csv=links)


def test_lines_of_a_dat_file_end_with_a_line_feed_alone(films):
    text = "\ufeff1::A\u2028B\x85C (1995)::X\r\n2::D (1996)::Y\r\n"
    found = films(ratings_dat="", movies_dat=text)
    assert found["movie"].tolist() == [1, 2]
    assert found["title"].tolist() == ["A B C", "D"]


def test_a_bad_line_of_a_dat_file(films):
    with pytest.raises(DumpError, match=r"movies\.dat, line 2: 'Heat' is no movie's number"):
        films(ratings_dat="", movies_dat="1::Toy Story (1995)::A\nHeat::Drama\n")
    with pytest.raises(DumpError, match=r"movies\.dat, line 2: it ends too early"):
        films(ratings_dat="", movies_dat="1::Toy Story (1995)::A\n2\n")
