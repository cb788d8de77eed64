"""The likelier of two classes, for every classifier that tells how likely they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin


class LikelierClass(ClassifierMixin):
    """A classifier's ``predict`` by its ``predict_proba`` and ``classes_``."""

    def predict(self, X: ArrayLike) -> Any:
        """Return the likelier class of each position, shape (n,); of equal ones the second."""
        second = np.asarray(self.predict_proba(X))[:, 1] >= 0.5
        return self.classes_[second.astype(int)]
