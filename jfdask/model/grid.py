"""What a hyperparameter search tries, checked before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from jfdask.errors import SettingsError
from jfdask.model.forest import FOREST_PARAMETERS

Grid = Mapping[str, Sequence[Any]]

#: A dozen candidates round the settings that were best for people with a few hundred plays.
SMALL_AFFINITY_GRID: Grid = {
    "min_samples_leaf": [3, 6, 12],
    "max_features": ["sqrt", 0.25],
    "criterion": ["gini", "entropy"],
}

#: A dozen candidates round what the original's search found.
SMALL_SEED_GRID: Grid = {
    "min_samples_leaf": [4, 8, 16],
    "max_depth": [10, 20],
    "criterion": ["gini", "entropy"],
}

#: The original's 768. Its min_samples_split of 1 is refused today and means 2: that value
#: stands there twice, so that it is drawn as often as it was.
SEED_GRID: Grid = {
    "n_estimators": [200, 500, 1000],
    "max_depth": [10, 20, 50, None],
    "min_samples_split": [2, 2, 8, 16],
    "min_samples_leaf": [1, 2, 4, 8],
    "bootstrap": [True, False],
    "criterion": ["gini", "entropy"],
}
N_SEED_CANDIDATES = 20
_MOST_CANDIDATES = 1000


@dataclass(frozen=True)
class SearchPlan:
    """A grid and how many of its candidates are tried."""

    grid: Grid
    n_candidates: int  # all of them, or that many drawn at random
    is_exhaustive: bool

    def prefixed(self, prefix: str) -> dict[str, list[Any]]:
        """Return the grid for an estimator that holds the searched one under a name.

        Examples
        --------
        >>> SearchPlan({"max_depth": (1, 2)}, 2, True).prefixed("inner__")
        {'inner__max_depth': [1, 2]}
        """
        return {f"{prefix}{name}": list(values) for name, values in self.grid.items()}


def plan_search(
    search: Literal["small", "seed", "off"] | Grid, method: Literal["affinity", "seed"]
) -> SearchPlan | None:
    """Return what is to be tried; None if nothing is.

    Parameters
    ----------
    search
        ``small``: a dozen candidates; ``seed``: 20 of the original's 768; ``off``: none; or
        a grid, all of which is tried.
    method
        Whose small grid.
    """
    if search == "off":
        return None
    if search == "seed":
        return SearchPlan(SEED_GRID, N_SEED_CANDIDATES, is_exhaustive=False)
    if search == "small":
        search = SMALL_SEED_GRID if method == "seed" else SMALL_AFFINITY_GRID
    if isinstance(search, str):
        raise SettingsError(f"train.search: expected small, seed, off or a table, got {search!r}.")
    return SearchPlan(search, prod(len(v) for v in search.values()), is_exhaustive=True)


def validate_grid(grid: Grid, estimator: Any) -> None:
    """Check every parameter and value of a grid against the estimator it is for.

    Raises
    ------
    SettingsError
        Names every parameter that is unknown, without values, or has a value that
        scikit-learn refuses; or there are more than 1,000 candidates.
    """
    problems = [] if grid else ["train.search: the table is empty; say off instead."]
    for name, values in grid.items():
        if name not in FOREST_PARAMETERS:
            known = ", ".join(FOREST_PARAMETERS)
            problems.append(f"train.search.{name}: unknown parameter; there are {known}.")
        elif isinstance(values, str) or not values:
            problems.append(f"train.search.{name}: expected a list of one value or more.")
        else:
            problems += [p for value in values if (p := _refusal(estimator, name, value))]
            numbers = [value for value in values if isinstance(value, int | float)]
            if len(set(numbers)) < len({(type(number), number) for number in numbers}):
                # To dask-ml they are one candidate; to a forest one column, and all of them.
                problems.append(f"train.search.{name}: 1 and 1.0, say, cannot be in one search.")
    n_candidates = prod(len(values) for values in grid.values())
    if not problems and n_candidates > _MOST_CANDIDATES:
        problems.append(
            f"train.search: {n_candidates} candidates; at most {_MOST_CANDIDATES} are tried."
        )
    if problems:
        raise SettingsError("\n".join(problems))


def chosen_params(
    cv_results: Mapping[str, Any], n_folds: int, defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters that a search found best, or the defaults if they are as good.

    The best candidate of a dozen is best partly by luck. If the defaults are among the
    candidates, the best one has to beat them by more than the standard error of the
    difference over the folds.

    Parameters
    ----------
    cv_results
        Of scikit-learn's or dask-ml's search; names may have a prefix up to ``__``.
    n_folds
        Folds of the search.
    defaults
        The estimator's own parameters.
    """
    candidates = [
        {name.rpartition("__")[2]: value for name, value in params.items()}
        for params in cv_results["params"]
    ]
    scores = np.array([cv_results[f"split{fold}_test_score"] for fold in range(n_folds)])
    best = int(np.argmax(scores.mean(axis=0)))
    for index, candidate in enumerate(candidates):
        if all(defaults[name] == value for name, value in candidate.items()):
            gain = scores[:, best] - scores[:, index]
            if gain.mean() <= gain.std(ddof=1) / np.sqrt(n_folds):
                return candidate
    return candidates[best]


def _refusal(estimator: Any, name: str, value: Any) -> str | None:
    # True is 1 to scikit-learn; as a number of leaves it is a mistake.
    if isinstance(value, bool) and name != "bootstrap":
        return f"train.search.{name}: {value!r} is not a value of it."
    try:
        clone(estimator).set_params(**{name: value})._validate_params()
    except InvalidParameterError as error:
        expected = str(error).partition("must be ")[2].partition(" Got ")[0].rstrip(".")
        return f"train.search.{name}: {value!r} is refused: expected {expected}."
    return None
