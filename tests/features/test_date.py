from jfdask.features.date import PremiereDate


def _rows(movies):
    return PremiereDate().fit(movies).transform(movies).toarray().tolist()


def test_parts_of_a_date(movies_of):
    # The first of January 2021 was a Friday of ISO week 53.
    movies = movies_of({"premiere_date": "2021-01-01"}, {"premiere_date": "2012-12-30 22:00"})
    assert _rows(movies) == [[2021, 1, 1, 0, 53, 1], [2012, 12, 30, 1, 52, 365]]


def test_a_missing_date_is_minus_seven_everywhere(movies_of):
    assert _rows(movies_of({})) == [[-7.0] * 6]


def test_no_movies(movies_of):
    movies = movies_of()
    assert PremiereDate().fit(movies).transform(movies).shape == (0, 6)
