from dataclasses import replace

import pytest

from jfdask.errors import DumpError, MissingArtifact
from jfdask.ratings.dump import open_dump
from jfdask.ratings.films import read_films
from jfdask.stages.files import FETCH, MOVIES_TABLE
from jfdask.stages.pretrain import homes
from jfdask.stages.pretrain.homes import Home, best_of, featurized_homes, films_in_common, told

pytestmark = [pytest.mark.cluster, pytest.mark.server]


def test_titles_and_years_find_nearly_all_of_a_library_without_ids(finished, invented, tmp_path):
    films = read_films(open_dump(invented.write_dat(tmp_path)))
    movies = invented.movies
    assert set(films["film_id"].str.partition(":")[0]) == {"movielens"}
    common = films_in_common(featurized_homes(finished.store, ()), films)
    assert common["home"] > 0.95 * len(movies)


def test_too_few_films_in_common(finished, invented, tmp_path):
    films = read_films(open_dump(invented.write_csv(tmp_path)))
    homes = featurized_homes(finished.store, ["home"])
    with pytest.raises(DumpError, match=r"'home' has 150, of 150 films of the dump: at least 200"):
        films_in_common(homes, films.head(150))


def test_a_household_that_is_not_there(finished):
    with pytest.raises(MissingArtifact, match="no features of household cabin"):
        featurized_homes(finished.store, ["cabin"])


def test_with_other_ids_it_is_another_library(finished, monkeypatch):
    [before], [again] = (featurized_homes(finished.store, ()) for _ in range(2))
    load_unit = homes.load_unit

    def with_other_ids(store, run_id, stage, household):
        unit = load_unit(store, run_id, stage, household)
        if stage != FETCH:
            return unit
        movies = replace(unit.files[MOVIES_TABLE], sha256="0" * 64)
        return replace(unit, files={**unit.files, MOVIES_TABLE: movies})

    monkeypatch.setattr(homes, "load_unit", with_other_ids)
    [changed] = featurized_homes(finished.store, ())
    assert again.library == before.library != changed.library


def test_the_library_with_most_films_is_learned_on(finished):
    [home] = featurized_homes(finished.store, ())
    other = Home(type(home.place)(home.place.address, home.place.run_id, "Cabin"), "")
    common = {"home": 300, "Cabin": 500}
    assert best_of([other, home], common) is other
    assert told(common) == "Household 'Cabin' has 500; Household 'home' has 300"
