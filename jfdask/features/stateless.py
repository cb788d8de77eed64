"""What blocks share that are computed movie by movie: there is nothing to be learned."""

from __future__ import annotations

from typing import Self

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class Stateless(TransformerMixin, BaseEstimator):
    """A block that is fitted as soon as it is made."""

    def fit(self, movies: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Learn nothing."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Tell `check_is_fitted` that there is nothing to wait for."""
        return True
