import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, vstack
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from jfdask.errors import DataError, TextModelError
from jfdask.features.fasttext_file import load_text_model
from jfdask.features.matrix import (
    LABEL_FREE_BLOCKS,
    SEED_BLOCKS,
    FeatureMatrix,
    fit_blocks,
)

_some = st.one_of
_people = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2", "p3", "p4", None]),
        st.sampled_from(["Actor", "Director", "Writer", "Producer", "Composer"]),
    ),
    max_size=6,
)


@st.composite
def _movie(draw):
    people = draw(_people)
    collection = draw(st.sampled_from([None, None, "c1", "c2"]))
    return {
        "name": draw(st.sampled_from([None, "Farm", "Ship", "The night ship", "%&"])),
        "overview": draw(st.sampled_from([None, "", "cows at sea", "rain on the hill at night"])),
        "taglines": draw(st.lists(st.sampled_from(["Nobody sleeps.", "Rain!"]), max_size=2)),
        "genres": draw(st.lists(st.sampled_from(["War", "Drama", "Comedy", None]), max_size=4)),
        "studio_ids": draw(st.lists(st.sampled_from(["s1", "s2", "s3"]), max_size=3)),
        "person_ids": [person for person, _ in people],
        "person_types": [trade for _, trade in people],
        "production_year": draw(_some(st.none(), st.integers(1890, 2030).map(float))),
        "premiere_date": draw(_some(st.none(), st.dates(pd.Timestamp("1900-01-01").date()))),
        "official_rating": draw(st.sampled_from([None, "PG", "FSK-16", "?"])),
        "community_rating": draw(_some(st.none(), st.floats(0, 10))),
        "critic_rating": draw(_some(st.none(), st.floats(0, 100))),
        "runtime_hours": draw(_some(st.none(), st.floats(0, 10))),
        "collection_id": collection,
        "collection_size": 2.0 if collection else None,
        "collection_order": 1.0 if collection else None,
        "in_collection": collection is not None,
    }


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(_movie(), max_size=12), data=st.data())
def test_any_partitioning_gives_the_same_rows(movies_of, text_model_bytes, rows, data):
    movies, model = movies_of(*rows), load_text_model(text_model_bytes)
    fitted = fit_blocks(movies, text_model_bytes)
    whole = fitted.transform(movies, model)
    assert whole.shape == (len(movies), len(fitted.columns))

    order = data.draw(st.permutations(range(len(movies))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(movies)), max_size=4)))
    parts = [
        fitted.transform(movies.iloc[order[start:stop]], model)
        for start, stop in zip([0, *cuts], [*cuts, len(movies)], strict=True)
    ]
    assert all(type(part) is csr_matrix and part.dtype == np.float64 for part in parts)
    np.testing.assert_array_equal(vstack(parts).toarray(), whole.toarray()[order])


def test_every_block_stands_in_its_place(movies_of, text_model_bytes):
    movies = movies_of({"name": "Farm", "genres": ["War", "Drama"], "production_year": 1999.0})
    fitted = fit_blocks(movies, text_model_bytes)
    assert len(set(fitted.columns)) == len(fitted.columns)
    files = list(dict.fromkeys(column.split("__")[0] for column in fitted.columns))
    assert files == list(SEED_BLOCKS + LABEL_FREE_BLOCKS)
    assert fit_blocks(movies, None, ("date", "decade")).columns[-1] == "decade__1990"


@pytest.mark.parametrize("name", SEED_BLOCKS + LABEL_FREE_BLOCKS)
def test_a_block_is_fitted_as_scikit_learn_knows_it(movies_of, name):
    movies = movies_of(
        {"name": "Farm", "genres": ["War", "Drama"], "official_rating": float("nan")}
    )
    [block] = fit_blocks(movies, None, (name,)).blocks
    check_is_fitted(block)
    pipeline = make_pipeline(clone(block)).fit(movies)
    found, alone = pipeline.transform(movies).toarray(), block.transform(movies).toarray()
    np.testing.assert_array_equal(found, alone)


def test_the_blocks_for_the_svd_are_finite(movies_of):
    movies = movies_of({}, {"name": "Farm"})
    assert np.isfinite(fit_blocks(movies, None, SEED_BLOCKS).transform(movies).data).all()


def test_fitted_blocks_travel_without_the_text_model(movies_of, text_model_bytes):
    movies, model = movies_of({"name": "Farm"}, {"name": "Ship"}), load_text_model(text_model_bytes)
    fitted = fit_blocks(movies, text_model_bytes)
    travelled = pickle.loads(pickle.dumps(fitted))
    expected = fitted.transform(movies, model).toarray()
    np.testing.assert_array_equal(travelled.transform(movies, model).toarray(), expected)
    with pytest.raises(TextModelError):
        travelled.transform(movies)


def test_fitted_blocks_can_be_stored_as_skops(movies_of, text_model_bytes):
    movies, model = (
        movies_of({"name": "Farm", "genres": ["War"]}),
        load_text_model(text_model_bytes),
    )
    fitted = fit_blocks(movies, text_model_bytes)
    stored = skops.io.dumps(fitted)
    types = skops.io.get_untrusted_types(data=stored)
    assert all(name.startswith("jfdask.features.") for name in types)
    again = skops.io.loads(stored, trusted=types)
    assert again.columns == fitted.columns
    expected = fitted.transform(movies, model).toarray()
    np.testing.assert_array_equal(again.transform(movies, model).toarray(), expected)


@pytest.fixture
def matrix():
    X = csr_matrix([[1.0, 0, 3], [0, 5, np.nan]])
    return FeatureMatrix(np.array(["a", "c"]), X, ("x__a:1", "x__b", "y__z"))


def test_blocks_are_cut_by_prefix(matrix):
    assert matrix.block("x__").toarray().tolist() == [[1, 0], [0, 5]]
    assert matrix.block("x__a:").toarray().tolist() == [[1], [0]]
    assert matrix.block_columns("x__") == ("x__a:1", "x__b")
    assert matrix.block("z__").shape == (2, 0)
    assert matrix.block_columns("z__") == ()
    assert matrix.block("x__") is matrix.block("x__")
    assert np.isnan(matrix.block("y__").data[1])


def test_columns_of_a_block_have_to_stand_side_by_side():
    matrix = FeatureMatrix(np.array(["a"]), csr_matrix((1, 3)), ("x__a", "y__a", "x__b"))
    with pytest.raises(DataError, match="side by side"):
        matrix.block("x__")


def test_a_matrix_travels_without_its_cut_blocks(matrix):
    matrix.block("x__")
    travelled = pickle.loads(pickle.dumps(matrix))
    assert travelled.columns == matrix.columns
    assert travelled.block("x__").toarray().tolist() == [[1, 0], [0, 5]]
    assert len(pickle.dumps(matrix)) == len(pickle.dumps(travelled))


def test_a_matrix_that_does_not_fit_its_names_is_refused():
    with pytest.raises(DataError, match="does not fit"):
        FeatureMatrix(np.array(["a"]), csr_matrix((2, 1)), ("x",))
    for ids in (["b", "a"], ["a", "a"]):
        with pytest.raises(DataError, match="ascending"):
            FeatureMatrix(np.array(ids), csr_matrix((2, 1)), ("x",))
