import numpy as np

from jfdask.model.affinity import everything, outside_folds
from jfdask.model.person_columns import PERSON_COLUMNS, person_columns


def column(values, name):
    return values[:, PERSON_COLUMNS.index(f"person__{name}")]


def test_they_are_means_over_the_reference_set(library, planted):
    history, _ = planted
    catalogue = library.catalogue
    references = everything(history.played, history.liked)
    found = person_columns(catalogue, np.zeros(2, dtype=int), references)
    years = catalogue.items[history.played, catalogue.item_names.index("numbers__year")]
    assert found.shape == (2, len(PERSON_COLUMNS))
    np.testing.assert_allclose(column(found, "mean_year"), years.mean())
    np.testing.assert_allclose(column(found, "deviation_year"), years.std())
    difference = years[history.liked].mean() - years[~history.liked].mean()
    np.testing.assert_allclose(column(found, "liked_minus_year"), difference)
    share = (history.liked.sum() + 1) / (len(history.liked) + 2)
    np.testing.assert_allclose(column(found, "share_liked"), share)


def test_missing_numbers_are_left_out(library, planted):
    history, _ = planted
    found = person_columns(
        library.catalogue, np.zeros(1, dtype=int), everything(history.played, history.liked)
    )
    assert np.isfinite(found).all()


def test_one_class_alone_has_no_difference(library, planted):
    history, _ = planted
    nothing = np.zeros(len(history.played), dtype=bool)
    found = person_columns(
        library.catalogue, np.zeros(1, dtype=int), everything(history.played, nothing)
    )
    assert np.isnan(column(found, "liked_minus_year")).all()


def test_a_group_has_its_own_reference_set(library, planted):
    history, _ = planted
    folds = np.arange(len(history.played)) % 5
    references = outside_folds(history.played, history.liked, folds, 5)
    found = person_columns(library.catalogue, np.arange(5), references)
    sizes = [(folds != fold).sum() for fold in range(5)]
    np.testing.assert_allclose(column(found, "log_plays"), np.log1p(sizes))
