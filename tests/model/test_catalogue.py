import numpy as np
from scipy.sparse import csr_matrix

from jfdask.features.matrix import LABEL_FREE_BLOCKS, FeatureMatrix, fit_blocks
from jfdask.model.catalogue import ITEM_COLUMNS, TOKEN_BLOCKS, _standardised, catalogue_of
from jfdask.model.rows import scoring_rows


def test_tokens_of_one_kind_sum_to_one(library):
    catalogue = library.catalogue
    genres = catalogue.block_of_token == [b.name for b in TOKEN_BLOCKS].index("genre")
    np.testing.assert_allclose(np.asarray(catalogue.tokens[:, genres].sum(axis=1)), 1.0)
    assert np.all(np.diff(catalogue.block_of_token) >= 0)
    assert catalogue.tokens.has_sorted_indices


def test_the_rank_of_a_certificate_is_no_token(library):
    names = library.catalogue.token_names
    assert "certificate__PG" in names
    assert "certificate__rank" not in names
    assert np.isfinite(library.catalogue.tokens.data).all()


def test_numbers_are_standardised_and_missing_ones_average(library):
    scaled, known = library.catalogue.scaled, library.catalogue.known.astype(bool)
    np.testing.assert_allclose(scaled.sum(axis=0), 0, atol=1e-9)
    assert np.allclose([scaled[known[:, c], c].std() for c in range(4)], 1)
    assert (~known).any()
    assert (scaled[~known] == 0).all()


def test_what_is_the_same_for_all_movies_tells_nothing():
    assert not _standardised(np.full((420, 1), 0.1)).any()


def test_it_is_derived_once_and_again_for_other_features(library):
    assert catalogue_of(library.features) is library.catalogue
    twin = FeatureMatrix(library.features.movie_ids, library.features.X, library.features.columns)
    assert catalogue_of(twin) is not library.catalogue


def test_the_features_are_left_as_they_were(library):
    before = library.features.X.copy()
    catalogue_of(
        FeatureMatrix(library.features.movie_ids, library.features.X, library.features.columns)
    )
    np.testing.assert_array_equal(before.toarray(), library.features.X.toarray())


def test_unknown_numbers_stay_unknown(library):
    critics = library.catalogue.items[:, ITEM_COLUMNS.index("numbers__critic_rating")]
    np.testing.assert_array_equal(critics, library.movies["critic_rating"].to_numpy())


def test_features_without_any_column_give_rows_without_knowledge():
    empty = FeatureMatrix(np.array(["a", "b", "c"]), csr_matrix((3, 0)), ())
    rows = scoring_rows(
        catalogue_of(empty), np.array([2]), np.array([0, 1]), np.array([True, False])
    )
    assert np.nan_to_num(rows).any()  # everything is alike: all kernels are 1 along numbers
    assert np.isnan(rows[0, -1])


def test_a_library_of_one_movie(library):
    movies = library.movies.iloc[:1]
    fitted = fit_blocks(movies, None, LABEL_FREE_BLOCKS)
    one = FeatureMatrix(np.array(["m0000"]), fitted.transform(movies), fitted.columns)
    assert catalogue_of(one).n_movies == 1
