import numpy as np
import pytest

from jfdask.errors import DataError
from jfdask.model.facts import facts_of


def test_facts_stand_in_the_features_order(library):
    shuffled = library.movies.sample(frac=1, random_state=0)
    facts = facts_of(shuffled, library.features.movie_ids, {})
    assert facts.titles[:3].tolist() == ["Title 0", "Title 1", "Title 2"]
    assert facts.collection_ids[7] == "c1"
    assert facts.collection_ids[8] == ""
    assert facts.collection_order[19] == 2
    assert np.isnan(facts.critic_rating).any()


def test_a_movie_without_a_title_has_words_for_it(library):
    movies = library.movies.assign(name=None)
    assert facts_of(movies, library.features.movie_ids, {}).titles[0] == "an untitled movie"


def test_movies_of_another_run_are_refused(library):
    with pytest.raises(DataError, match="Run featurize again"):
        facts_of(library.movies.iloc[1:], library.features.movie_ids, {})


def test_the_median_is_of_rated_movies(library):
    rating = library.movies["community_rating"].where(np.arange(420) > 9)
    facts = facts_of(library.movies.assign(community_rating=rating), library.features.movie_ids, {})
    assert facts.median_rating == rating.median()
    none = facts_of(library.movies.assign(community_rating=np.nan), library.features.movie_ids, {})
    assert np.isnan(none.median_rating)


def test_a_movie_without_a_title_is_called_so(library):
    facts = facts_of(library.movies.assign(name=""), library.features.movie_ids, {})
    assert facts.titles[0] == "an untitled movie"
