"""The feature matrix by our stage, against the seed's own loop and against scikit-learn.

    python benchmarks/features.py [--movies 10000] [--sample 20] [--repeats 3] [--out FILE.json]

Ours is what the stage `featurize` does to a catalogue that has its text model: all blocks
fitted, all movies transformed, everything written to the store, on a warm cluster of two
workers that know nothing of this catalogue yet. Both baselines are one process that reads the
same table and model from the store's files and writes nothing:

- scikit-learn: `get_sentence_vector` and a `ColumnTransformer` that come to the same matrix.
- the seed's loop over movies and words, with its `word in model.words`: its text vectors
  alone, on a sample, taken times all movies. Its model was a pretrained one of two million
  words, whose list is walked for every word; here our words stand first in such a list, where
  they are found soonest. `ratio_seed_own_words` is the same loop over our words alone.

Printed as JSON: `ratio_sklearn`, ours to scikit-learn's seconds, and `ratio_seed`, the seed's
to ours. The training of the text model is in none of them (the seed downloaded one); it is
printed apart, and `ratio_seed_with_training` counts it against us.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, vstack
from speed_bench.invented import invented_movies
from speed_bench.quiet import close_unit, done, night_in, two_workers
from speed_bench.sklearn_features import column_transformer, prepared
from speed_bench.timing import in_turns, tell

from jfdask.stages.featurize import Made, make_matrix
from jfdask.stages.featurize.text_model import MODEL, TextModelRequest, ensure_text_model
from jfdask.stages.files import FETCH, MOVIES_TABLE, matrix_part
from jfdask.stages.night import Night
from jfdask.store.keys import state_key
from jfdask.store.tables import decode_table, read_csr
from jfdask.store.units import UnitWriter
from jfdask.tables import MOVIES

SEED = 42
PRETRAINED_WORDS = 2_000_000  # of the FastText models that are offered for download


def main(argv: Sequence[str] | None = None) -> int:
    """Make the matrix in all ways and print what they took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--movies", type=int, default=10_000)
    parser.add_argument("--sample", type=int, default=20, help="movies of the seed's loop")
    parser.add_argument("--repeats", type=int, default=3, help="the median of so many counts")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="jfdask-features-") as folder, two_workers() as client:
        night = night_in(Path(folder), client)
        tell(measure(night, options.movies, options.sample, options.repeats), options.out)
    return 0


def measure(night: Night, n_movies: int, n_sample: int, repeats: int) -> dict[str, Any]:
    """Make the matrix in all ways; return their seconds and ratios."""
    movies = invented_movies(n_movies)
    store_movies(night, "home0", movies)
    began = time.perf_counter()
    settings = night.settings.features
    request = TextModelRequest(None, settings.text_dimensions, SEED, settings.text_model_seconds)
    text_model = ensure_text_model(night.place("home0"), request)
    training = time.perf_counter() - began
    names = [f"home{i}" for i in range(repeats + 1)]
    for name in names[1:]:
        store_movies(night, name, movies)
        night.store.copy(state_key(names[0], MODEL), state_key(name, MODEL))
    fresh = (names[i] for i in count())
    made: dict[str, Any] = {}

    def ours() -> None:
        household = next(fresh)
        made["ours"] = household, matrix_in_stage(night, household, text_model)

    def sklearn() -> None:
        made["sklearn"] = matrix_with_sklearn(night, names[0])

    # A first household warms the workers; each repetition is another one, which none has seen.
    ours()
    sklearn()

    def seed(words: list[str]) -> None:
        made["seed"] = vectors_of_sample(*inputs, words, n_sample)

    inputs = read_inputs(night, names[0])
    own_words = inputs[1].words
    more = (f"word {i}" for i in range(len(own_words), PRETRAINED_WORDS))
    loops = {"seed": partial(seed, [*own_words, *more]), "seed_own": partial(seed, own_words)}
    seconds = in_turns({"ours": ours, "sklearn": sklearn, **loops}, repeats)
    household, stored = made["ours"]
    seed_seconds = seconds["seed"] * len(movies) / len(made["seed"])
    seed_own_seconds = seconds["seed_own"] * len(movies) / len(made["seed"])
    return {
        "movies": len(movies),
        "columns": made["sklearn"].shape[1],
        "seconds": seconds["ours"],
        "sklearn_seconds": seconds["sklearn"],
        "seed_seconds": seed_seconds,
        "training_seconds": training,
        "ratio_sklearn": seconds["ours"] / seconds["sklearn"],
        "ratio_seed": seed_seconds / seconds["ours"],
        "ratio_seed_own_words": seed_own_seconds / seconds["ours"],
        "ratio_seed_with_training": seed_seconds / (seconds["ours"] + training),
        "same_matrix": is_same(read_matrix(night, household, stored), made["sklearn"]),
    }


def store_movies(night: Night, household: str, movies: pd.DataFrame) -> None:
    """Write what stage fetch leaves of a household that nobody has played anything in."""
    writer = UnitWriter(night.store, night.run_id, FETCH, household)
    writer.table(MOVIES_TABLE, MOVIES, movies)
    close_unit(night, FETCH, household, writer.receipts, {"n_movies": len(movies)})


def matrix_in_stage(night: Night, household: str, text_model: str | None) -> Made:
    """Make the matrix as the stage does."""
    size = night.settings.features.movies_per_partition
    made: Made = done(night, make_matrix(night.place(household), text_model, size))
    return made


def read_matrix(night: Night, household: str, made: Made) -> csr_matrix:
    """Return the matrix that was stored."""
    place = night.place(household)
    keys = [place.key("featurize", matrix_part(i)) for i in range(len(made.rows))]
    return csr_matrix(vstack([read_csr(night.store, key)[1] for key in keys]))


def read_inputs(night: Night, household: str) -> tuple[pd.DataFrame, Any]:
    """Return movies and text model, read from the store's files."""
    key = night.place(household).key(FETCH, MOVIES_TABLE)
    path = Path(night.store.url.removeprefix("file://"), state_key(household, MODEL))
    return decode_table(night.store.read(key), key, MOVIES), fasttext.load_model(str(path))


def matrix_with_sklearn(night: Night, household: str) -> csr_matrix:
    """Make the same matrix in this process with scikit-learn."""
    movies, model = read_inputs(night, household)
    return csr_matrix(column_transformer(model).fit_transform(prepared(movies)))


def vectors_of_sample(
    movies: pd.DataFrame, model: Any, words: list[str], n_sample: int
) -> list[np.ndarray]:
    """Return the text vectors of some movies as the seed's loop makes them.

    ``words`` stands for ``model.words``, which is a list that the model makes once.
    """
    sample = movies.iloc[:: max(1, len(movies) // n_sample)][:n_sample]
    vectors = []
    for _, movie in sample.iterrows():
        text = " ".join([movie["name"], str(movie["overview"]), *movie["taglines"]])
        known = [model[word] for word in text.lower().split() if word in words]
        vectors.append(np.mean(known, axis=0) if known else np.zeros(model.get_dimension()))
    return vectors


def is_same(ours: csr_matrix, theirs: csr_matrix) -> bool:
    """Tell whether two matrices are the same but for rounding; NaN is the same as NaN."""
    ours, theirs = (csr_matrix(X, copy=True) for X in (ours, theirs))
    for X in (ours, theirs):
        X.data = np.nan_to_num(X.data, nan=-1e9)
        X.eliminate_zeros()
        X.sort_indices()
    if ours.shape != theirs.shape or ours.nnz != theirs.nnz:
        return False
    return bool(
        np.array_equal(ours.indices, theirs.indices)
        and np.allclose(ours.data, theirs.data, rtol=1e-5, atol=1e-7)
    )


if __name__ == "__main__":
    sys.exit(main())
