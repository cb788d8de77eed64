"""The blocks of the feature matrix with nothing but pandas, FastText and scikit-learn.

Written as one would write it for one process: what our blocks are measured against, and, as it
comes to the same matrix, checked against.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder

from jfdask.features.certificate import LEVELS, certificate_level

_WORDS = re.compile(r"[^\W_]+")
_SCALARS = [
    "critic_rating", "community_rating", "runtime_hours", "production_year", "collection_size",
    "collection_age_years", "years_since_previous",
]  # fmt: skip
_ROLES = ("Actor", "Director", "Writer", "Producer")


def prepared(movies: pd.DataFrame) -> pd.DataFrame:
    """Return the movies with what several columns are made of beside them."""
    parts = zip(movies["name"], movies["overview"], movies["taglines"], strict=True)
    texts = [" ".join(_WORDS.findall(_joined(name, about, lines))) for name, about, lines in parts]
    people = [
        {role: [i for i, t in zip(ids, types, strict=True) if t == role] for role in _ROLES}
        for ids, types in zip(movies["person_ids"], movies["person_types"], strict=True)
    ]
    shown = movies["premiere_date"].dt
    year = movies["production_year"].fillna(shown.year)
    frame = {role: [one[role] for one in people] for role in _ROLES}
    frame["text"] = texts
    frame["year"] = year
    frame["decade"] = [[f"{int(y // 10) * 10}"] if y == y else [] for y in year]
    frame["collection"] = [[c] if isinstance(c, str) else [] for c in movies["collection_id"]]
    return movies.assign(**frame)


def _joined(name: object, about: object, lines: Any) -> str:
    return " ".join(text for text in (name, about, *lines) if isinstance(text, str)).lower()


def column_transformer(text_model: Any) -> ColumnTransformer:
    """Return a transformer of prepared movies into all blocks, in the order of ours.

    Parameters
    ----------
    text_model
        A FastText model as its own package loads it.
    """

    def vectors(texts: pd.Series) -> np.ndarray:
        return np.array([text_model.get_sentence_vector(text) for text in texts])

    blocks: list[tuple[str, Any, Any]] = [
        ("text", FunctionTransformer(vectors), "text"),
        ("date", FunctionTransformer(_date_parts), "premiere_date"),
        ("scalar", _scalars(), _SCALARS),
        ("onehot", _onehot(), ["official_rating", "collection_id"]),
        ("multilabel_genre", _labels(5), "genres"),
        ("multilabel_person", _labels(10), "person_ids"),
        ("multilabel_studio", _labels(5), "studio_ids"),
        ("roles", FunctionTransformer(_role_counts), list(_ROLES)),
        ("binary", FunctionTransformer(_flags),
         ["first_in_collection", "premiere_date", "in_collection"]),
        ("ordinal", SimpleImputer(strategy="constant", fill_value=-1.0), ["collection_order"]),
        ("genre", _tokens(), "genres"),
        ("director", _tokens(2), "Director"),
        ("actor", _billed(), "Actor"),
        ("writer", _tokens(2), "Writer"),
        ("producer", _tokens(2), "Producer"),
        ("studio", _tokens(2), "studio_ids"),
        ("collection", _tokens(), "collection"),
        ("genre_pairs", TfidfVectorizer(analyzer=_pairs, binary=True), "genres"),
        ("certificate", FunctionTransformer(_levels), "official_rating"),
        ("decade", CountVectorizer(analyzer=list), "decade"),
        ("tfidf", TfidfVectorizer(analyzer=_words, sublinear_tf=True, min_df=3, max_df=0.2),
         "text"),
        ("numbers", FunctionTransformer(_numbers),
         ["community_rating", "critic_rating", "year", "runtime_hours", "premiere_date",
          "collection_size", "collection_order", "person_ids", "genres", "studio_ids",
          "overview"]),
    ]  # fmt: skip
    return ColumnTransformer(blocks, sparse_threshold=1.0)


def _scalars() -> Pipeline:
    missing = SimpleImputer(strategy="constant", fill_value=-7.0, keep_empty_features=True)
    return Pipeline([("scale", MinMaxScaler()), ("fill", missing)])


def _onehot() -> Pipeline:
    missing = SimpleImputer(missing_values=np.nan, strategy="constant", fill_value="none")
    as_objects = FunctionTransformer(lambda frame: frame.astype(object))
    codes = OneHotEncoder(handle_unknown="ignore")
    return Pipeline([("objects", as_objects), ("fill", missing), ("codes", codes)])


def _labels(first: int) -> CountVectorizer:
    return CountVectorizer(analyzer=lambda tokens: tokens[:first], binary=True)


def _tokens(min_movies: int = 1) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=list, binary=True, min_df=min_movies)


class _InTwoMovies(SelectorMixin, BaseEstimator):
    """The columns that two movies or more have."""

    def fit(self, X: csr_matrix, y: object = None) -> _InTwoMovies:  # noqa: ARG002
        self.kept_ = X.getnnz(axis=0) >= 2
        return self

    def _get_support_mask(self) -> np.ndarray:
        return self.kept_


def _billed() -> Pipeline:
    weights = FunctionTransformer(lambda casts: [_billing(cast) for cast in casts])
    return Pipeline(
        [("weights", weights), ("columns", DictVectorizer()), ("kept", _InTwoMovies()),
         ("idf", TfidfTransformer())]
    )  # fmt: skip


def _billing(cast: list[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for place, person in enumerate(cast):
        weights.setdefault(person, max(0.3, 1 - 0.06 * place))
    return weights


def _pairs(genres: Any) -> list[str]:
    return [f"{a} + {b}" for a, b in combinations(sorted(set(genres)), 2)]


def _words(text: str) -> list[str]:
    return [word for word in text.split() if 2 <= len(word) <= 40]


def _date_parts(dates: pd.Series) -> np.ndarray:
    of = dates.dt
    parts = [
        of.year, of.month, of.day, (of.day_of_week >= 5).astype(float).where(dates.notna()),
        of.isocalendar().week, of.day_of_year,
    ]  # fmt: skip
    return np.column_stack([part.astype("Float64").fillna(-7).to_numpy(float) for part in parts])


def _role_counts(people: pd.DataFrame) -> np.ndarray:
    return np.column_stack([people[role].map(len) for role in _ROLES])


def _flags(movies: pd.DataFrame) -> np.ndarray:
    weekend = movies["premiere_date"].dt.day_of_week >= 5
    columns = (movies["first_in_collection"], weekend, movies["in_collection"])
    return np.column_stack([column.astype(float) for column in columns])


def _levels(spellings: pd.Series) -> np.ndarray:
    codes = spellings.map({s: LEVELS.index(certificate_level(s)) for s in spellings.unique()})
    levels = np.equal.outer(codes.to_numpy(), np.arange(len(LEVELS)))
    return np.column_stack([codes.where(codes != LEVELS.index("NR")), levels])


def _numbers(movies: pd.DataFrame) -> np.ndarray:
    columns = [
        *(movies[c] for c in ("community_rating", "critic_rating", "year", "runtime_hours")),
        movies["premiere_date"].dt.month,
        *(movies[c] for c in ("collection_size", "collection_order")),
        *(np.log1p(movies[c].map(len)) for c in ("person_ids", "genres", "studio_ids")),
        np.log1p(movies["overview"].fillna("").map(len)),
    ]
    return np.column_stack([np.asarray(column, dtype=float) for column in columns])
