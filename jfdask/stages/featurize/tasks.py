"""What workers do to make features. Every function is one Dask task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from jfdask.features.fasttext_file import TextModel
from jfdask.features.matrix import FittedBlocks, fit_blocks
from jfdask.stages.featurize.text_model import loaded_text_model, text_model_bytes
from jfdask.stages.files import BLOCKS, COLUMNS, FEATURIZE, FETCH, MOVIES_TABLE, matrix_part
from jfdask.stages.places import Place
from jfdask.stages.units import reader
from jfdask.store.filesystem import StoreAddress, open_store
from jfdask.store.manifests import Receipt
from jfdask.store.models import decode_model
from jfdask.store.tables import decode_table
from jfdask.store.units import UnitWriter
from jfdask.tables import MOVIES


@dataclass(frozen=True)
class Fitted:
    """Blocks that were fitted: how wide they are, not what they learned."""

    receipt: Receipt
    n_movies: int
    n_columns: int
    block_columns: tuple[tuple[str, int, int], ...]  # block, first column, end

    def spans(self, blocks: Sequence[str]) -> tuple[tuple[int, int], ...]:
        """Return the ranges of columns of some blocks."""
        return tuple((a, b) for name, a, b in self.block_columns if name in blocks and b > a)


def longest_history(place: Place) -> int:
    """Return how many plays the person with the most has; 1 at least."""
    people = reader(place, FETCH).manifest.summary.get("people", {})
    return max([1, *(person["n_played"] for person in people.values())])


def fit(place: Place, blocks: Sequence[str], text_model: str | None) -> Fitted:
    """Fit the blocks on the whole catalogue, without labels."""
    movies = _movies(place)
    model = None
    if text_model is not None:
        model = text_model_bytes(place.address, place.household, text_model)
    fitted = fit_blocks(movies, model, blocks)
    writer = UnitWriter(place.store, place.run_id, FEATURIZE, place.household)
    columns = fitted.columns
    writer.json(COLUMNS, list(columns))
    writer.model(BLOCKS, fitted)
    spans, start = [], 0
    for name, block in zip(blocks, fitted.blocks, strict=True):
        end = start + len(block.get_feature_names_out())
        spans.append((name, start, end))
        start = end
    return Fitted(writer.receipts, len(movies), len(columns), tuple(spans))


def transform(
    place: Place, blocks: str, index: int, start: int, stop: int, text_model: str | None
) -> Receipt:
    """Write the rows of some movies: one partition of the matrix.

    Parameters
    ----------
    blocks, text_model
        SHA-256 of the fitted blocks, and of the text model.
    """
    movies = _movies(place).iloc[start:stop]
    model: TextModel | None = None
    if text_model is not None:
        model = loaded_text_model(place.address, place.household, text_model)
    X = _load_fitted(place.address, place.key(FEATURIZE, BLOCKS), blocks).transform(movies, model)
    writer = UnitWriter(place.store, place.run_id, FEATURIZE, place.household)
    return writer.csr(matrix_part(index), list(movies["movie_id"]), X)


def _movies(place: Place) -> pd.DataFrame:
    unit = reader(place, FETCH)
    key, sha256 = unit.manifest.key(MOVIES_TABLE), unit.manifest.files[MOVIES_TABLE].sha256
    return _load_movies(place.address, key, sha256)


# One catalogue a process: partitions of one household follow each other.
@lru_cache(maxsize=1)
def _load_movies(address: StoreAddress, key: str, sha256: str) -> pd.DataFrame:
    return decode_table(open_store(address).read_checked(key, sha256), key, MOVIES)


@lru_cache(maxsize=1)
def _load_fitted(address: StoreAddress, key: str, sha256: str) -> FittedBlocks:
    fitted: FittedBlocks = decode_model(open_store(address).read_checked(key, sha256), key)
    return fitted
