"""Small catalogues, and one small text model."""

import os
import subprocess
import sys

import pandas as pd
import pytest

from jfdask.features.text import movie_texts
from jfdask.features.text_training import CHILD_ENVIRONMENT
from jfdask.tables import MOVIES

UNKNOWN = {
    **{column.name: None for column in MOVIES.columns},
    "taglines": [],
    "genres": [],
    "tags": [],
    "studio_ids": [],
    "studio_names": [],
    "person_ids": [],
    "person_names": [],
    "person_types": [],
    "first_in_collection": False,
    "in_collection": False,
}


def _movies_of(*rows):
    filled = [
        {**UNKNOWN, "movie_id": f"m{i:03}", "film_id": f"item:m{i:03}", **row}
        for i, row in enumerate(rows)
    ]
    for row in filled:
        if row["premiere_date"] is not None:
            row["premiere_date"] = pd.Timestamp(row["premiere_date"])
    if not filled:
        return MOVIES.frame([{**UNKNOWN, "movie_id": "m", "film_id": "m"}]).iloc[:0]
    return MOVIES.frame(filled)


@pytest.fixture(scope="session")
def movies_of():
    """Make MOVIES of dicts; what a dict does not name is unknown."""
    return _movies_of


@pytest.fixture(scope="session")
def train_in_child():
    """Train as the stage does: in a process whose large memory comes zeroed."""

    def train(texts_path, model_path, *options):
        return subprocess.run(
            [sys.executable, "-m", "jfdask.features.text_training", texts_path, model_path]
            + [str(option) for option in options],
            env={**os.environ, **CHILD_ENVIRONMENT},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return train


@pytest.fixture(scope="session")
def text_model_bytes(tmp_path_factory, train_in_child):
    """A model of eight dimensions trained on the texts of a handful of movies."""
    folder = tmp_path_factory.mktemp("text-model")
    movies = _movies_of(
        {"name": "The Farm", "overview": "A farmer keeps cows and sheep on the hill."},
        {"name": "The Ship", "overview": "A sailor keeps watch on the sea at night."},
        {"name": "The Night", "taglines": ["Nobody sleeps."]},
    )
    (folder / "texts.txt").write_text("\n".join(movie_texts(movies)), encoding="utf-8")
    done = train_in_child(
        folder / "texts.txt", folder / "model.bin", "--dimensions", 8, "--bucket", 500
    )
    assert done.returncode == 0, done.stderr
    return (folder / "model.bin").read_bytes()
