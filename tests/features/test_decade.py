from jfdask.features.decade import Decade


def test_decades(movies_of):
    movies = movies_of(
        {"production_year": 1999.0},
        {"production_year": 2000.0, "premiere_date": "1999-05-05"},
        {"premiere_date": "1990-01-01"},
        {},
    )
    block = Decade().fit(movies)
    assert block.get_feature_names_out().tolist() == ["decade__1990", "decade__2000"]
    assert block.transform(movies).toarray().tolist() == [[1, 0], [0, 1], [1, 0], [0, 0]]


def test_a_decade_not_fitted_is_an_empty_row(movies_of):
    block = Decade().fit(movies_of({"production_year": 1950.0}))
    assert block.transform(movies_of({"production_year": 2020.0})).toarray().tolist() == [[0]]


def test_no_movies(movies_of):
    assert Decade().fit(movies_of()).transform(movies_of({})).shape == (1, 0)
