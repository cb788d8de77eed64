from jfdask.features.names import display_names


def test_names_of_people_studios_and_collections(movies_of):
    movies = movies_of(
        {"person_ids": ["p1", "p2"], "person_names": ["Ana", None], "collection_id": "c1"},
        {"person_ids": ["p1", "p2"], "person_names": ["Anna", "Bo"]},
        {"studio_ids": ["s1"], "studio_names": ["Studio"]},
        {"collection_id": "c2", "collection_name": "Trilogy"},
    )
    assert display_names(movies) == {"p1": "Ana", "p2": "Bo", "s1": "Studio", "c2": "Trilogy"}


def test_no_movies(movies_of):
    assert display_names(movies_of()) == {}
