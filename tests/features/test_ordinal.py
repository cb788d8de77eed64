from jfdask.features.ordinal import CollectionOrder


def test_order_and_minus_one_without(movies_of):
    movies = movies_of({"collection_order": 3.0}, {})
    assert CollectionOrder().fit(movies).transform(movies).toarray().tolist() == [[3], [-1]]


def test_no_movies(movies_of):
    assert CollectionOrder().fit(movies_of()).transform(movies_of()).shape == (0, 1)
