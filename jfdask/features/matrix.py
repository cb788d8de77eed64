"""All blocks beside each other: fitted on a catalogue, and the matrix that comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from jfdask.errors import DataError
from jfdask.features.binary import BinaryFlags
from jfdask.features.certificate import Certificate
from jfdask.features.date import PremiereDate
from jfdask.features.decade import Decade
from jfdask.features.fasttext_file import TextModel, text_dimensions
from jfdask.features.genre_pairs import GenrePairs
from jfdask.features.multilabel import MultiLabel
from jfdask.features.numbers import Numbers
from jfdask.features.onehot import OneHot
from jfdask.features.ordinal import CollectionOrder
from jfdask.features.roles import RoleCounts
from jfdask.features.scalar import Scalars
from jfdask.features.text import TextVectors, with_words
from jfdask.features.tfidf import TfidfText
from jfdask.features.tokens import Tokens


class Block(Protocol):
    """What every block can do."""

    def fit(self, movies: pd.DataFrame, y: object = None) -> Any:
        """Learn from the whole catalogue (MOVIES); return self."""

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, n_columns) float64, each row from its movie alone."""

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return (n_columns,) names, ``<file>__<name>``."""


_BLOCKS: dict[str, type[Any]] = {
    "text": TextVectors,
    "date": PremiereDate,
    "scalar": Scalars,
    "onehot": OneHot,
    "multilabel": MultiLabel,
    "roles": RoleCounts,
    "binary": BinaryFlags,
    "ordinal": CollectionOrder,
    "tokens": Tokens,
    "genre_pairs": GenrePairs,
    "certificate": Certificate,
    "decade": Decade,
    "tfidf": TfidfText,
    "numbers": Numbers,
}

#: Blocks of the method `seed`: no NaN, made for the SVD.
SEED_BLOCKS = ("text", "date", "scalar", "onehot", "multilabel", "roles", "binary", "ordinal")

#: Blocks of the method `affinity`: ``certificate__rank`` and ``numbers__…`` may be NaN.
LABEL_FREE_BLOCKS = ("tokens", "genre_pairs", "certificate", "decade", "tfidf", "numbers")


@dataclass(frozen=True, eq=False)
class FittedBlocks:
    """Blocks fitted on a catalogue; small enough to send, and without the text model."""

    blocks: tuple[Block, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, (n_columns,), in the order of the matrix."""
        # Not kept: tens of thousands of names would make up most of what is stored and sent.
        return tuple(str(c) for block in self.blocks for c in block.get_feature_names_out())

    def transform(self, movies: pd.DataFrame, text_model: TextModel | None = None) -> csr_matrix:
        """Return (n_movies, n_columns) float64 of any part of a catalogue.

        Each row depends on its movie alone: however a catalogue is cut into partitions, the
        rows are the same.

        Parameters
        ----------
        movies
            MOVIES or some of its rows, in any order.
        text_model
            The model whose bytes were given to ``fit_blocks``; not used without a text block.

        Raises
        ------
        TextModelError
            The text block has another model than it was fitted with, or none.
        """
        if any(isinstance(block, (TextVectors, TfidfText)) for block in self.blocks):
            movies = with_words(movies)
        parts = [
            block.transform(movies, text_model)
            if isinstance(block, TextVectors)
            else block.transform(movies)
            for block in self.blocks
        ]
        if not parts:
            return csr_matrix((len(movies), 0), dtype=np.float64)
        return csr_matrix(hstack(parts, format="csr", dtype=np.float64))


def fit_blocks(
    movies: pd.DataFrame,
    text_model: bytes | None = None,
    blocks: Sequence[str] = SEED_BLOCKS + LABEL_FREE_BLOCKS,
) -> FittedBlocks:
    """Fit blocks, without labels, on a whole catalogue.

    Parameters
    ----------
    movies
        MOVIES, all of a household's.
    text_model
        Bytes of the FastText model; None: the text block has no columns.
    blocks
        Their names, in the order of the columns.

    Raises
    ------
    TextModelError
        The bytes are no whole FastText model.
    """
    fitted: list[Block] = []
    for name in blocks:
        n_dimensions = text_dimensions(text_model) if text_model and name == "text" else 0
        block = TextVectors(n_dimensions) if name == "text" else _BLOCKS[name]()
        fitted.append(block.fit(movies))
    return FittedBlocks(tuple(fitted))


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Movies by features, with both names.

    Blocks are cut out once and kept, so treat what is returned as read-only.
    """

    movie_ids: NDArray[np.str_]  # (n,) ascending
    X: csr_matrix  # (n, m) float64
    columns: tuple[str, ...]  # (m,) <file>__<name>
    _blocks: dict[str, csr_matrix] = field(default_factory=dict, init=False, repr=False)
    _spans: dict[str, tuple[int, int]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.X.shape != (len(self.movie_ids), len(self.columns)):
            raise DataError(
                f"A feature matrix of shape {self.X.shape} does not fit {len(self.movie_ids)} "
                f"movies and {len(self.columns)} columns: featurize again."
            )
        if (self.movie_ids[:-1] >= self.movie_ids[1:]).any():
            raise DataError("A feature matrix needs its movie ids ascending, each one once.")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_blocks": {}, "_spans": {}}

    def block(self, prefix: str) -> csr_matrix:
        """Return the columns whose names start with `prefix`, (n, n_block) float64.

        Examples
        --------
        >>> X = csr_matrix([[1.0, 2.0, 3.0]])
        >>> matrix = FeatureMatrix(np.array(["m"]), X, ("a__x", "b__x", "b__y"))
        >>> matrix.block("b__").toarray()
        array([[2., 3.]])
        """
        if prefix not in self._blocks:
            start, stop = self._span(prefix)
            self._blocks[prefix] = csr_matrix(self.X[:, start:stop])
        return self._blocks[prefix]

    def block_columns(self, prefix: str) -> tuple[str, ...]:
        """Return the names that start with `prefix`, in the order of ``block(prefix)``."""
        start, stop = self._span(prefix)
        return self.columns[start:stop]

    def _span(self, prefix: str) -> tuple[int, int]:
        if prefix not in self._spans:
            at = [i for i, name in enumerate(self.columns) if name.startswith(prefix)]
            start, stop = (at[0], at[-1] + 1) if at else (0, 0)
            if stop - start != len(at):
                raise DataError(f"The columns {prefix}… do not stand side by side.")
            self._spans[prefix] = (start, stop)
        return self._spans[prefix]
