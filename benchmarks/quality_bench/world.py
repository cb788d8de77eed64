"""The catalogue with its features, and everybody: made once, shared by all processes."""

from __future__ import annotations

import os
import pickle
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import dask
import dask.array as da
import numpy as np
import pandas as pd
from dask.delayed import delayed
from scipy.sparse import csr_matrix

from jfdask.errors import DataError
from jfdask.features.fasttext_file import load_text_model
from jfdask.features.matrix import LABEL_FREE_BLOCKS, SEED_BLOCKS, FeatureMatrix, fit_blocks
from jfdask.features.names import display_names
from jfdask.features.svd import clip_components, project, settle
from jfdask.features.text import movie_texts
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.facts import Facts, facts_of
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.memo import digest
from jfdask.settings import Settings
from jfdask.stages.featurize.svd import N_POWER_ITER
from jfdask.stages.featurize.text_model import TextModelRequest, train
from jfdask.store.filesystem import sha256_of
from jfdask.store.tables import encode_table
from jfdask.tables import MOVIES

from .code import FEATURES, code_digest
from .people import N_FOLDS, Person, distinct, in_fixed_order, person_of, with_hearts
from .reading import Ratings, find, read_movies, read_people

#: Components of the seed's SVD. A night takes as many as the longest history has plays; a
#: few people have more than this, and their forest sees no more.
MOST_COMPONENTS = 1000


@dataclass(frozen=True, eq=False)
class World:
    """All that is known: what may be told of it in a fold is ``visible``."""

    matrix: FeatureMatrix  # of the label-free blocks
    facts: Facts
    evaluated: tuple[Person, ...]  # in a fixed order
    crowd: tuple[Person, ...]  # whom to learn from: sorted by id, each once
    seed_vectors: Callable[[], Floats]  # U·S of the seed's blocks, (n_movies, n_components)
    cache: Path | None = None  # where what takes long is kept; None: nowhere
    made_of: str = ""  # digest of code and data: what was kept of others is not taken
    n_folds: int = N_FOLDS  # how many of the folds are measured on
    public: World | None = None  # where all favourites are known; None: here they are
    _made: dict[Any, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def is_measured_on_crowd(self) -> bool:
        """Whether somebody who is measured is one of those to learn from."""
        evaluated = {id(p) for p in self.evaluated}  # numbers of another file prove nothing
        return any(id(p) in evaluated for p in self.crowd)

    @cached_property
    def catalogue(self) -> Catalogue:
        """What the models derive of the features."""
        return catalogue_of(self.matrix)

    def visible(self, fold: int) -> list[tuple[Person, Ints, Bools]]:
        """Return person, played and liked of everybody of the crowd, the fold hidden."""
        seen = [(p, p.folds != fold) for p in self.crowd]
        return [(p, p.played[inside], p.liked[inside]) for p, inside in seen]

    def with_hearts(self, percent: float) -> World:
        """Return the world as it is if everybody clicked so many of their favourites only."""

        def fewer() -> World:
            ids = self.catalogue.movie_ids
            crowd = tuple(with_hearts(p, percent, ids) for p in self.crowd)
            evaluated = tuple(with_hearts(p, percent, ids) for p in self.evaluated)
            made_of = self.made_of and f"{self.made_of}-hearts-{percent:g}"
            told = replace(self, crowd=crowd, evaluated=evaluated, made_of=made_of, _made={})
            return replace(told, public=self)

        made: World = self.once(("hearts", percent), fewer)
        return made

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what is made once a process: what a method learns of the crowd in a fold."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what is made once, by whichever process comes first, and kept in the cache."""
        if self.cache is None or not self.made_of:
            return make()
        path = self.cache / f"{name}-{self.made_of}.pickle"
        if not path.exists():
            made = make()
            _write(path, lambda file: pickle.dump(made, file))
        return pickle.loads(path.read_bytes())


def make_world(data: Path, people: Path | None, crowd: Path | None, cache: Path) -> World:
    """Read everything, make the features.

    Parameters
    ----------
    data
        Folder with items, boxsets and users.
    people, crowd
        Files like ``users.json``; None: DIR's users, and the same people.
    cache
        Folder for what takes long: the text model, the SVDs. Named by what they are made of.
    """
    movies, movie_of_item = read_movies(data)
    movie_ids = movies["movie_id"].to_numpy(dtype=str)
    measured = _once_each([], people or find(data, "users.json"), movie_of_item)
    others = measured if crowd is None else _once_each(measured, crowd, movie_of_item)
    made = {r: person_of(r, movie_ids) for r in {*measured, *others}}
    evaluated = [made[r] for r in measured if made[r].is_evaluated]
    repeated = [i for i, n in Counter(p.user_id for p in evaluated).items() if n > 1]
    if repeated:
        raise DataError(f"Several people have the Id {repeated[0]!r}: give each one of her own.")
    return world_of(movies, evaluated, [made[r] for r in others], cache)


def _once_each(
    known: Sequence[Ratings], path: Path, movie_of_item: Mapping[str, str]
) -> list[Ratings]:
    """Return the people of a file, each once; say how many of them there were before."""
    given = read_people(path, movie_of_item)
    found = distinct(known, given)
    n_same = len(set(given) - set(found))
    if n_same:
        print(
            f"{path}: {n_same} of {len(given)} people are taken as the same person as one named "
            "before, as they rated the same.",
            file=sys.stderr,
        )
    return found


def world_of(
    movies: pd.DataFrame, evaluated: Sequence[Person], crowd: Sequence[Person], cache: Path
) -> World:
    """Return the world of a catalogue (MOVIES), those to be measured, and the crowd."""
    cache.mkdir(parents=True, exist_ok=True)
    settings = Settings()
    seed = settings.train.random_state
    model = _text_model(movies, settings, cache)
    made_of = code_digest(FEATURES, model.stem, sha256_of(encode_table(MOVIES, movies)))
    fitted = fit_blocks(movies, None, LABEL_FREE_BLOCKS)
    movie_ids = movies["movie_id"].to_numpy(dtype=str)
    matrix = FeatureMatrix(movie_ids, fitted.transform(movies), fitted.columns)
    longest = max([1, *(len(p.played) for p in evaluated)])

    def reduced(blocks: tuple[str, ...], wanted: int) -> Floats:
        path = cache / f"svd-{'-'.join(blocks)}-{wanted}-{made_of}.npy"
        if not path.exists():
            text = load_text_model(model.read_bytes())
            fitted = fit_blocks(movies, model.read_bytes(), blocks)
            vectors = _reduced(fitted.transform(movies, text), wanted, seed)
            _write(path, lambda file: np.save(file, vectors))
        # Mapped, not read: all processes share one copy.
        return np.load(path, mmap_mode="r")

    return World(
        matrix,
        facts_of(movies, movie_ids, display_names(movies)),
        tuple(in_fixed_order(evaluated)),
        tuple(sorted(crowd, key=lambda p: p.user_id)),
        lambda: reduced(SEED_BLOCKS, min(longest, MOST_COMPONENTS)),
        cache,
    )


def _text_model(movies: pd.DataFrame, settings: Settings, cache: Path) -> Path:
    """Return the file of a FastText model of these texts, trained as a night trains it."""
    texts = movie_texts(movies)
    asked = digest([settings.features.text_dimensions, settings.train.random_state, *texts])
    path = cache / f"text-{code_digest(FEATURES, asked.hex())}.bin"
    if not path.exists():
        request = TextModelRequest(
            None,
            settings.features.text_dimensions,
            settings.train.random_state,
            settings.features.text_model_seconds,
        )
        model = train(texts, request)
        _write(path, lambda file: file.write(model))
    return path


def _write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file of the cache whole or not at all: it is taken as it is ever after."""
    half = path.with_suffix(f".{os.getpid()}")
    with half.open("wb") as file:
        write(file)
    half.replace(path)


def _reduced(X: csr_matrix, wanted: int, seed: int) -> Floats:
    """Return U·S, shape (n_movies, n_components), as the stage featurize computes it."""
    step = Settings().features.movies_per_partition
    parts = [
        da.from_delayed(
            delayed(X[start : start + step]),
            shape=(min(step, X.shape[0] - start), X.shape[1]),
            dtype=np.float64,
            meta=csr_matrix((0, X.shape[1]), dtype=np.float64),
        )
        for start in range(0, X.shape[0], step)
    ]
    k = clip_components(wanted, X.shape)
    _, s, V = da.linalg.svd_compressed(
        da.concatenate(parts, axis=0), k, iterator="QR", n_power_iter=N_POWER_ITER, seed=seed
    )
    s, V = dask.compute(s, V, scheduler="synchronous")
    return project(X, settle(np.asarray(s), np.asarray(V))[1])
