from jfdask.features.binary import BinaryFlags


def test_flags(movies_of):
    movies = movies_of(
        {"first_in_collection": True, "in_collection": True, "premiere_date": "2021-01-01"},
        {"in_collection": True, "premiere_date": "2021-01-03"},
        {"first_in_collection": None, "in_collection": None},
    )
    assert BinaryFlags().fit(movies).transform(movies).toarray().tolist() == [
        [1, 0, 1],
        [0, 1, 1],
        [0, 0, 0],
    ]


def test_no_movies(movies_of):
    assert BinaryFlags().fit(movies_of()).transform(movies_of()).shape == (0, 3)
