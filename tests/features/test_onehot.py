from jfdask.features.onehot import OneHot


def _cells(block, movies):
    names = block.get_feature_names_out()
    return [set(names[row > 0]) for row in block.transform(movies).toarray()]


def test_none_is_the_same_when_fitting_and_transforming(movies_of):
    block = OneHot().fit(movies_of({"collection_id": "c1"}, {"official_rating": "R"}))
    assert _cells(block, movies_of({}, {"collection_id": "c1", "official_rating": "R"})) == [
        {"onehot__rating:none", "onehot__collection:none"},
        {"onehot__rating:R", "onehot__collection:c1"},
    ]


def test_collections_are_told_apart_by_id(movies_of):
    movies = movies_of(
        {"collection_id": "c1", "collection_name": "Same"},
        {"collection_id": "c2", "collection_name": "Same"},
    )
    first, second = _cells(OneHot().fit(movies), movies)
    assert first != second


def test_what_was_not_there_when_fitting_has_no_column(movies_of):
    block = OneHot().fit(movies_of({"official_rating": "PG", "collection_id": "c1"}))
    assert _cells(block, movies_of({"official_rating": "X", "collection_id": "c9"})) == [set()]


def test_no_movies(movies_of):
    block = OneHot().fit(movies_of())
    assert block.transform(movies_of({})).shape == (1, 0)
    assert block.get_feature_names_out().tolist() == []
