"""What workers do to make features. Every function is one Dask task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from jfdask.features.fasttext_file import TextModel
from jfdask.features.matrix import (
    LABEL_FREE_BLOCKS,
    SEED_BLOCKS,
    Block,
    FittedBlocks,
    fit_blocks,
)
from jfdask.model.history import MOST_PLAYS
from jfdask.stages.featurize.text_model import loaded_text_model, text_model_bytes
from jfdask.stages.files import (
    COLUMNS,
    FEATURIZE,
    FETCH,
    MOVIES_TABLE,
    blocks_part,
    matrix_part,
)
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import reader, unit_writer
from jfdask.store.filesystem import StoreAddress, open_store
from jfdask.store.manifests import Receipt
from jfdask.store.models import decode_model
from jfdask.store.tables import decode_table
from jfdask.tables import MOVIES

BLOCKS = SEED_BLOCKS + LABEL_FREE_BLOCKS
#: Blocks that one task fits. Counting all words of all texts takes as long as the rest.
FITTED_TOGETHER = (("tfidf",), tuple(name for name in BLOCKS if name != "tfidf"))


@dataclass(frozen=True)
class Fitted:
    """Blocks that were fitted: how wide they are, not what they learned."""

    receipt: Receipt
    n_movies: int
    n_columns: Mapping[str, int]  # by block


def longest_history(place: Place) -> int:
    """Return how many plays of the person with the most are learned from; 1 at least."""
    people = reader(place, FETCH).manifest.summary.get("people", {})
    return min(MOST_PLAYS, max([1, *(person["n_played"] for person in people.values())]))


def fit(place: Place, part: int, text_model: str | None) -> Fitted:
    """Fit the blocks ``FITTED_TOGETHER[part]`` on the whole catalogue, without labels."""
    movies, blocks = _movies(place), FITTED_TOGETHER[part]
    model = None
    if text_model is not None and "text" in blocks:
        model = text_model_bytes(place.address, place.household, text_model)
    fitted = fit_blocks(movies, model, blocks)
    widths = (len(block.get_feature_names_out()) for block in fitted.blocks)
    n_columns = dict(zip(blocks, widths, strict=True))
    return Fitted(
        unit_writer(place, FEATURIZE).model(blocks_part(part), fitted), len(movies), n_columns
    )


def write_columns(place: Place, fitted: tuple[str, ...]) -> Receipt:
    """Write the names of all columns, in the order of the matrix."""
    return unit_writer(place, FEATURIZE).json(COLUMNS, list(_load_fitted(place, fitted).columns))


def transform(
    place: Place,
    fitted: tuple[str, ...],
    index: int,
    start: int,
    stop: int,
    text_model: str | None,
) -> Receipt:
    """Write the rows of some movies: one partition of the matrix.

    Parameters
    ----------
    fitted, text_model
        SHA-256 of each part of the fitted blocks, and of the text model.
    """
    movies = _movies(place).iloc[start:stop]
    model: TextModel | None = None
    if text_model is not None:
        model = loaded_text_model(place.address, place.household, text_model)
    X = _load_fitted(place, fitted).transform(movies, model)
    return unit_writer(place, FEATURIZE).csr(matrix_part(index), list(movies["movie_id"]), X)


def _movies(place: Place) -> pd.DataFrame:
    unit = reader(place, FETCH)
    key, sha256 = unit.manifest.key(MOVIES_TABLE), unit.manifest.files[MOVIES_TABLE].sha256
    return _load_movies(place.address, key, sha256)


# One catalogue a process: partitions of one household follow each other.
@lru_cache(maxsize=1)
def _load_movies(address: StoreAddress, key: str, sha256: str) -> pd.DataFrame:
    return decode_table(open_store(address).read_checked(key, sha256), key, MOVIES)


@lru_cache(maxsize=1)
def _load_fitted(place: Place, fitted: tuple[str, ...]) -> FittedBlocks:
    """Return all blocks, in the order of the matrix."""
    found: dict[str, Block] = {}
    for part, (blocks, sha256) in enumerate(zip(FITTED_TOGETHER, fitted, strict=True)):
        key = place.key(FEATURIZE, blocks_part(part))
        some: FittedBlocks = decode_model(place.store.read_checked(key, sha256), key)
        found |= dict(zip(blocks, some.blocks, strict=True))
    return FittedBlocks(tuple(found[name] for name in BLOCKS))
