from math import prod

import numpy as np
import pytest

from jfdask.errors import SettingsError
from jfdask.model.forest import AffinityClassifier
from jfdask.model.grid import (
    SEED_GRID,
    SMALL_AFFINITY_GRID,
    SMALL_SEED_GRID,
    chosen_params,
    plan_search,
    validate_grid,
)
from jfdask.model.seed import SeedClassifier

ESTIMATORS = {"affinity": AffinityClassifier(), "seed": SeedClassifier()}


def test_the_seeds_grid_has_its_768_and_20_are_drawn():
    assert prod(len(v) for v in SEED_GRID.values()) == 768
    plan = plan_search("seed", "seed")
    assert (plan.n_candidates, plan.is_exhaustive) == (20, False)
    assert 1 not in SEED_GRID["min_samples_split"]


@pytest.mark.parametrize("method", ["affinity", "seed"])
def test_the_small_grids_are_a_dozen_with_the_defaults_among_them(method):
    plan = plan_search("small", method)
    assert (plan.n_candidates, plan.is_exhaustive) == (12, True)
    defaults = ESTIMATORS[method].get_params()
    assert all(defaults[name] in values for name, values in plan.grid.items())


@pytest.mark.parametrize("grid", [SEED_GRID, SMALL_AFFINITY_GRID, SMALL_SEED_GRID])
@pytest.mark.parametrize("method", ["affinity", "seed"])
def test_our_own_grids_are_valid(grid, method):
    validate_grid(grid, ESTIMATORS[method])


def test_off_and_own():
    assert plan_search("off", "affinity") is None
    plan = plan_search({"max_depth": (3, 5), "bootstrap": (True,)}, "affinity")
    assert (plan.n_candidates, plan.is_exhaustive) == (2, True)
    assert plan.prefixed("inner__")["inner__max_depth"] == [3, 5]
    with pytest.raises(SettingsError, match="got 'big'"):
        plan_search("big", "affinity")


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"min_samples_split": [1]}, "min_samples_split: 1 is refused"),
        ({"max_features": ["half"]}, "max_features: 'half' is refused"),
        ({"criterion": ["gini", "mse"]}, "criterion: 'mse' is refused"),
        ({"n_estimators": [0]}, "n_estimators: 0 is refused"),
        ({"min_samples_leaf": [True]}, "min_samples_leaf: True"),
        ({"min_samples_leaf": [0.0]}, "min_samples_leaf: 0.0 is refused"),
        ({"max_features": [1, 0.5, 1.0]}, "max_features: 1 and 1.0, say, cannot be in one"),
        ({"max_depht": [3]}, "max_depht: unknown parameter; there are n_estimators, max_depth"),
        ({"features": [3]}, "features: unknown parameter"),
        ({"random_state": [3]}, "random_state: unknown parameter"),
        ({"max_depth": []}, "max_depth: expected a list"),
        ({"criterion": "gini"}, "criterion: expected a list"),
        ({}, "is empty"),
        ({"max_depth": list(range(1, 1002))}, "1001 candidates"),
    ],
)
def test_a_grid_that_cannot_be_used_is_refused_by_name_and_value(grid, said):
    with pytest.raises(SettingsError, match=said):
        validate_grid(grid, AffinityClassifier())


def test_all_mistakes_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        validate_grid({"max_depth": [0, 3], "criterion": ["mse"], "leafs": [1]}, SeedClassifier())
    assert str(caught.value).count("\n") == 2


def results(scores):
    params = [{"inner__max_depth": None}, {"inner__max_depth": 3}]
    folds = {f"split{i}_test_score": np.array(s) for i, s in enumerate(scores)}
    return {"params": params, **folds}


def test_the_defaults_are_left_for_a_clear_gain_only():
    by_luck = results([(0.70, 0.75), (0.70, 0.66), (0.70, 0.70)])
    assert chosen_params(by_luck, 3, {"max_depth": None}) == {"max_depth": None}
    clearly = results([(0.70, 0.75), (0.71, 0.75), (0.70, 0.76)])
    assert chosen_params(clearly, 3, {"max_depth": None}) == {"max_depth": 3}
    # Defaults that were not tried have no say.
    assert chosen_params(by_luck, 3, {"max_depth": 9}) == {"max_depth": 3}
