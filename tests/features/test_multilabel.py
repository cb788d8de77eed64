from jfdask.features.multilabel import MultiLabel


def test_only_the_front_of_each_list_counts(movies_of):
    movies = movies_of(
        {
            "genres": [f"g{i}" for i in range(8)],
            "person_ids": [f"p{i}" for i in range(20)],
            "person_names": [""] * 20,
            "person_types": ["Actor"] * 20,
            "studio_ids": [f"s{i}" for i in range(8)],
        }
    )
    names = MultiLabel().fit(movies).get_feature_names_out().tolist()
    assert names == (
        [f"multilabel__genre:g{i}" for i in range(5)]
        + [f"multilabel__person:p{i}" for i in range(10)]
        + [f"multilabel__studio:s{i}" for i in range(5)]
    )


def test_a_person_who_stands_there_twice_is_one(movies_of):
    fitted_on = movies_of({"person_ids": ["p", "q", "p"]})
    block = MultiLabel().fit(fitted_on)
    assert block.transform(fitted_on).toarray().tolist() == [[1, 1]]
    assert block.transform(movies_of({"person_ids": ["z", "q"]})).toarray().tolist() == [[0, 1]]


def test_no_movies(movies_of):
    assert MultiLabel().fit(movies_of()).transform(movies_of({"genres": ["War"]})).shape == (1, 0)
