import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfTransformer

from jfdask.features.incidence import (
    LONGEST_TOKEN,
    dense_rows,
    entries_of,
    incidence,
    inverse_document_frequency,
    paired_entries,
    single_entries,
    vocabulary_of,
    weighted_rows,
)


def test_missing_lists_and_tokens_are_left_out():
    entries = entries_of(pd.Series([["a", None, "", "b"], None, np.nan, np.array(["c"])]))
    assert entries.n_movies == 4
    assert entries.movies.tolist() == [0, 0, 3]
    assert entries.places.tolist() == [0, 3, 0]
    assert entries.tokens.tolist() == ["a", "b", "c"]
    assert entries.ranked().places.tolist() == [0, 1, 0]


def test_first_cuts_each_list():
    entries = entries_of(pd.Series([["a", "b", "c"], ["d"]]), first=2)
    assert entries.tokens.tolist() == ["a", "b", "d"]


def test_a_person_keeps_her_trade_when_lists_have_gaps_or_differ_in_length():
    ids = pd.Series([["p", None, "q", "r"], ["s"]])
    types = pd.Series([["Actor", "Writer", "Director"], ["Writer", "Actor"]])
    entries, kinds = paired_entries(ids, types)
    assert list(zip(entries.tokens, kinds, strict=True)) == [
        ("p", "Actor"),
        ("q", "Director"),
        ("s", "Writer"),
    ]


def test_a_token_counts_once_a_movie():
    entries = entries_of(pd.Series([["b", "b"], ["b", "a"], ["c", "c"]]))
    vocabulary, counts = vocabulary_of(entries)
    assert vocabulary.tolist() == ["a", "b", "c"]
    assert counts.tolist() == [1, 2, 1]
    assert vocabulary_of(entries, min_movies=2)[0].tolist() == ["b"]


def test_incidence_puts_the_greatest_weight_into_the_cell():
    entries = entries_of(pd.Series([[], ["b", "a", "b", "x"], ["a"]]))
    X = incidence(entries, np.array(["a", "b", "c"]), np.array([0.3, 0.5, 0.9, 1.0, 0.1]))
    assert X.toarray().tolist() == [[0, 0, 0], [0.5, 0.9, 0], [0.1, 0, 0]]
    assert X.has_sorted_indices


def test_an_absurdly_long_token_is_the_same_token_when_fitting_and_transforming():
    lists = pd.Series([["x" * 100_000], ["y"]])
    vocabulary, _ = vocabulary_of(entries_of(lists))
    assert vocabulary.dtype.itemsize == 4 * LONGEST_TOKEN
    assert incidence(entries_of(lists), vocabulary).toarray().tolist() == [[1, 0], [0, 1]]


def test_weights_are_those_of_scikit_learn():
    counts = incidence(entries_of(pd.Series([["a", "b"], ["a"], ["a", "c"]])), np.array(["a", "b"]))
    idf = inverse_document_frequency(3, np.array([3, 1]))
    expected = TfidfTransformer().fit_transform(counts)
    np.testing.assert_allclose(weighted_rows(counts, idf).toarray(), expected.toarray())


def test_nothing_gives_matrices_of_nothing():
    nobody = pd.Series([], dtype=object)
    vocabulary, counts = vocabulary_of(entries_of(nobody))
    assert vocabulary.tolist() == counts.tolist() == []
    assert incidence(entries_of(nobody), vocabulary).shape == (0, 0)
    assert incidence(single_entries(pd.Series(["a"])), vocabulary).shape == (1, 0)
    assert weighted_rows(incidence(entries_of(nobody), np.array(["a"])), np.ones(1)).shape == (0, 1)
    assert dense_rows([], 3).shape == (3, 0)
    assert dense_rows([np.zeros(0), np.zeros(0)], 0).shape == (0, 2)


def test_nan_is_an_entry():
    assert dense_rows([np.array([np.nan, 0.0, 2.0])], 3).nnz == 2
