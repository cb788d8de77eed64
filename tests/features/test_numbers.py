import numpy as np

from jfdask.features.numbers import Numbers

NAMES = [name.removeprefix("numbers__") for name in Numbers().get_feature_names_out()]


def _row(movies):
    X = Numbers().fit(movies).transform(movies)
    return dict(zip(NAMES, X.toarray()[0].tolist(), strict=True))


def test_numbers_as_they_are(movies_of):
    row = _row(
        movies_of(
            {
                "community_rating": 6.5,
                "critic_rating": 0.0,
                "production_year": 1984.0,
                "premiere_date": "1985-03-01",
                "runtime_hours": 1.5,
                "collection_size": 4.0,
                "collection_order": 2.0,
                "person_ids": ["p", "q", "p"],
                "genres": ["War"],
                "overview": "abc",
            }
        )
    )
    assert row == {
        "community_rating": 6.5,
        "critic_rating": 0.0,
        "year": 1984.0,
        "runtime_hours": 1.5,
        "month": 3.0,
        "collection_size": 4.0,
        "collection_order": 2.0,
        "log_people": np.log1p(3),
        "log_genres": np.log1p(1),
        "log_studios": 0.0,
        "log_overview_characters": np.log1p(3),
    }


def test_unknown_is_nan_and_an_entry_of_its_own(movies_of):
    movies = movies_of({"runtime_hours": np.inf})
    X = Numbers().fit(movies).transform(movies)
    assert {n for n in NAMES if np.isnan(_row(movies)[n])} == set(NAMES[:7])
    assert int(np.isnan(X.data).sum()) == 7


def test_the_year_of_the_first_showing_stands_in(movies_of):
    assert _row(movies_of({"premiere_date": "1985-03-01"}))["year"] == 1985


def test_no_movies(movies_of):
    assert Numbers().fit(movies_of()).transform(movies_of()).shape == (0, len(NAMES))
