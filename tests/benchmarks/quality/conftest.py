"""A small invented catalogue, with people whose taste is known."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import quality
from quality_bench.world import make_world

N_MOVIES, N_DIRECTORS, N_PLAYS = 260, 20, 120
CHEAP = "always_true,community_rating,popularity,tfidf"


def hexed(kind: int, i: int) -> str:
    return f"{kind:02x}{i:030x}"


def write_data(folder: Path, n_people: int = 4) -> Path:
    rng = np.random.default_rng(0)
    words = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("al", "er", "in", "ou", "ay")]
    items = []
    for i in range(N_MOVIES):
        director = i % N_DIRECTORS
        person = {"Id": hexed(2, director), "Name": f"Director {director}", "Type": "Director"}
        items.append(
            {
                "Id": hexed(1, i),
                "Name": f"Title {i}",
                "Type": "Movie",
                "ProviderIds": {"Tmdb": str(i + 1)},
                "ProductionYear": 1970 + int(rng.integers(50)),
                "Overview": " ".join(rng.choice(words, 8)),
                "Genres": [str(rng.choice(["Drama", "Comedy", "Crime"]))],
                "CommunityRating": round(float(rng.uniform(4, 9)), 1),
                "RunTimeTicks": int(rng.integers(80, 160)) * 600_000_000,
                "People": [person],
            }
        )
    users = []
    for u in range(n_people):
        played = np.sort(rng.choice(N_MOVIES, N_PLAYS, replace=False))
        liked = (played % N_DIRECTORS + u) % N_DIRECTORS < 7
        ratings = [
            [hexed(1, int(m)), 5.0 if y else 2.0, 1000 * u + int(m)]
            for m, y in zip(played, liked, strict=True)
        ]
        users.append({"Id": hexed(3, u), "Name": f"somebody {u}", "ratings": ratings})
    users.append({"Id": hexed(3, 99), "Name": "few plays", "ratings": users[0]["ratings"][:3]})
    users[-1]["ratings"] = [[m, stars, when + 7] for m, stars, when in users[-1]["ratings"]]
    boxsets = [{"Id": hexed(4, 0), "Name": "Saga", "MovieIds": [hexed(1, 3), hexed(1, 9)]}]
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(item) + "\n" for item in items)
    (folder / "items.jsonl").write_text(lines, encoding="utf-8")
    (folder / "users.json").write_text(json.dumps(users), encoding="utf-8")
    (folder / "boxsets.json").write_text(json.dumps(boxsets), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("quality") / "data")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("quality") / "cache"


@pytest.fixture(scope="session")
def world(data, cache):
    return make_world(data, None, None, cache)


def run(data, out, *more):
    return quality.main(["--data", str(data), "--out", str(out), *more])
