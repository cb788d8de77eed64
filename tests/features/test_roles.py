from jfdask.features.roles import RoleCounts


def test_people_are_counted_by_trade(movies_of):
    movies = movies_of(
        {"person_types": ["Actor", "Actor", "Writer", "Director", "GuestStar", "Actor"]},
        {},
        {"person_types": ["Producer", "Composer"]},
    )
    block = RoleCounts().fit(movies)
    assert block.get_feature_names_out().tolist() == [
        "roles__actors",
        "roles__directors",
        "roles__writers",
        "roles__producers",
    ]
    assert block.transform(movies).toarray().tolist() == [[3, 1, 1, 0], [0] * 4, [0, 0, 0, 1]]


def test_no_movies(movies_of):
    assert RoleCounts().fit(movies_of()).transform(movies_of()).shape == (0, 4)
