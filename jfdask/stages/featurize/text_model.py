"""The household's FastText model: trained in a child process, or loaded from a given file.

It is kept in the household's state and trained again only when a tenth of the library is new, or
has other texts: a library that grows by a film a night would otherwise give every movie other
vectors, and everything computed from them would have to be done again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd
from distributed import get_worker

from jfdask.errors import DamagedArtifact, MissingArtifact, TextModelError
from jfdask.features.fasttext_file import TextModel, load_text_model, text_dimensions
from jfdask.features.text import movie_texts
from jfdask.features.text_training import CHILD_ENVIRONMENT
from jfdask.settings import at_home
from jfdask.stages.files import FETCH, MOVIES_TABLE
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import reader
from jfdask.store.documents import encode_json
from jfdask.store.filesystem import StoreAddress, open_store, sha256_of
from jfdask.store.keys import state_key
from jfdask.store.state import recall_state, write_state
from jfdask.tables import MOVIES

VERSION = 3  # 2: words go on over combining marks; 3: digests of texts
DOCUMENT, MODEL = "text_model.json", "text_model.bin"
#: Share of the library that may be new, or have other texts, before the model is trained again.
LARGEST_NEWS = 0.1
#: Models a worker process keeps loaded, some 20 MB each.
KEPT_MODELS = 4


@dataclass(frozen=True)
class TextModelRequest:
    """Which model is wanted."""

    path: str | None  # a .bin or .ftz file on the workers; None: train one
    dimensions: int
    seed: int
    timeout_seconds: float


def ensure_text_model(place: Place, request: TextModelRequest) -> str | None:
    """Have the household's model in its state; return its checksum.

    Returns
    -------
    str or None
        SHA-256 of the model's bytes; None if no movie has a single word.

    Raises
    ------
    TextModelError
        The given file is no model, or the training failed or took too long.
    """
    movies = reader(place, FETCH).table(
        MOVIES_TABLE, MOVIES, ["movie_id", "name", "overview", "taglines"]
    )
    wanted: dict[str, object] = {
        "path": request.path,
        "dimensions": request.dimensions,
        "seed": request.seed,
    }
    known = recall_state(place.store, place.household, DOCUMENT, version=VERSION)
    if request.path is not None:
        data = read_model_file(request.path)
        if known and known["sha256"] == sha256_of(data) and _is_whole(place, known["sha256"]):
            return str(known["sha256"])
        return _keep(place, data, wanted, {})
    if not _has_words(movies):
        return None
    texts = _digests(movies)
    if known and known["wanted"] == wanted:
        n_new = sum(known["texts"].get(movie_id) != text for movie_id, text in texts.items())
        if n_new <= LARGEST_NEWS * len(texts) and _is_whole(place, known["sha256"]):
            return str(known["sha256"])
    return _keep(place, train(movie_texts(movies), request), wanted, texts)


def _digests(movies: pd.DataFrame) -> dict[str, str]:
    """Return a short digest of each movie's texts, by its id."""
    columns = (movies["name"], movies["overview"], movies["taglines"])
    return {
        movie_id: sha256_of(encode_json(texts))[:8]
        for movie_id, *texts in zip(movies["movie_id"], *columns, strict=True)
    }


def _has_words(movies: pd.DataFrame) -> bool:
    """Tell whether there is a word; as a rule a few movies are enough to see it."""
    some = (movies.iloc[i : i + 100] for i in range(0, len(movies), 100))
    return any(any(movie_texts(few)) for few in some)


def train(texts: Sequence[str], request: TextModelRequest) -> bytes:
    """Train a model in a child process; return its bytes.

    FastText holds the interpreter's lock for seconds, and computes with uninitialised memory
    unless the allocator is told otherwise before the process starts.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="jfdask-", dir=_own_folder()) as folder:
            source, target = Path(folder, "texts.txt"), Path(folder, "model.bin")
            source.write_text("\n".join(texts) + "\n", encoding="utf-8")
            _train_in_child(source, target, request)
            return target.read_bytes()
    except OSError as error:
        raise TextModelError(
            f"The text model could not be trained in the worker's temporary folder: {error}. Make "
            "room there, or name another folder in TMPDIR or DASK_TEMPORARY_DIRECTORY."
        ) from error


def _own_folder() -> str | None:
    """Return the worker's folder, which Dask removes, whatever becomes of the worker."""
    try:
        return str(get_worker().local_directory)
    except ValueError:
        return None  # no worker: called by hand


def _train_in_child(source: Path, target: Path, request: TextModelRequest) -> None:
    command = [
        sys.executable, "-m", "jfdask.features.text_training", str(source), str(target),
        "--dimensions", str(request.dimensions), "--seed", str(request.seed),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **CHILD_ENVIRONMENT},
            capture_output=True,
            text=True,
            timeout=request.timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TextModelError(
            f"Training the text model took longer than {request.timeout_seconds:.0f} s. Raise "
            "features.text_model_seconds, or give a model in features.text_model."
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise TextModelError(f"The text model could not be trained: {said[0]}")


@lru_cache(maxsize=KEPT_MODELS)
def loaded_text_model(address: StoreAddress, household: str, sha256: str) -> TextModel:
    """Return the household's model, loaded once a process; its bytes are read once, too."""
    return load_text_model(text_model_bytes(address, household, sha256))


def text_model_bytes(address: StoreAddress, household: str, sha256: str) -> bytes:
    """Return the bytes of the household's model; DamagedArtifact if they are others."""
    return open_store(address).read_checked(state_key(household, MODEL), sha256)


def _is_whole(place: Place, sha256: str) -> bool:
    try:
        text_model_bytes(place.address, place.household, sha256)
    except (MissingArtifact, DamagedArtifact):
        return False
    return True


def read_model_file(path: str) -> bytes:
    """Return a given model's bytes; TextModelError if it cannot be read, or is none."""
    try:
        data = at_home(path).read_bytes()
    except OSError as error:
        raise TextModelError(
            f"features.text_model: {path} cannot be read on the worker ({error.strerror})."
        ) from None
    text_dimensions(data)
    return data


def _keep(place: Place, data: bytes, wanted: dict[str, object], texts: dict[str, str]) -> str:
    sha256 = sha256_of(data)
    place.store.write(state_key(place.household, MODEL), data)
    document = {"wanted": wanted, "sha256": sha256, "texts": texts}
    write_state(place.store, place.household, DOCUMENT, document, version=VERSION)
    return sha256
