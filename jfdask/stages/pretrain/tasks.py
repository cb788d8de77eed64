"""What workers do to make a prior. Every function is one Dask task; what is there is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from jfdask.errors import DumpError
from jfdask.model.catalogue import Catalogue, catalogue_of
from jfdask.model.crowd import N_GROUPS, Crowd, Member, crowd_of, group_of
from jfdask.model.history import History
from jfdask.model.inputs import Ints
from jfdask.model.pooled import PooledModel, of_any_household, training_rows_of
from jfdask.model.sampling import PeopleSample, SampledPeople
from jfdask.ratings.chunks import Chunk
from jfdask.ratings.rows import Layout, parse_ratings
from jfdask.stages.files import FETCH, MOVIES_TABLE
from jfdask.stages.household import features
from jfdask.stages.places import Place
from jfdask.stages.pooled_rows import beneath, decode_rows, encode_rows
from jfdask.stages.pools import (
    PRIOR,
    UNKNOWN,
    StoredPool,
    crowd_at,
    decode_crowd,
    encode_crowd,
    rows_over,
    write_pool,
)
from jfdask.stages.pretrain.files import decode_people, encode_people
from jfdask.stages.pretrain.workplace import (
    COUNTS_FILE,
    FILMS_FILE,
    MODEL_FILE,
    PEOPLE_FILE,
    Workplace,
    chunk_file,
    crowd_file,
    ratings_file,
    rows_file,
)
from jfdask.stages.unit_tasks import reader
from jfdask.store.documents import decode_json, encode_json
from jfdask.store.manifests import Receipt
from jfdask.store.models import decode_model, encode_model
from jfdask.store.tables import decode_arrow, encode_arrow
from jfdask.tables import FILMS, MOVIES

#: People that are taken at most, and films they are over.
MOST_PEOPLE, MOST_FILMS = 20_000, 20_000
#: Ratings of these people from which on a film is kept.
FEWEST_RATINGS = 2
#: People whose rows the model learns from at most, and plays of the library's films each needs.
MOST_TRAINED, FEWEST_PLAYS = 400, 20
#: People without whom nothing is learned.
FEWEST_PEOPLE = 50


@dataclass(frozen=True)
class Counts:
    """What was found in a dump."""

    n_ratings: int
    n_people: int
    n_taken: int  # people of them that were taken
    n_films: int  # films that were kept


def parse(work: Workplace, index: int, first_line: int, layout: Layout) -> None:
    """Turn a chunk that waits in the store into numbers."""
    if not work.has(ratings_file(index)):
        table = parse_ratings(Chunk(work.read(chunk_file(index)), first_line), layout)
        work.write(ratings_file(index), encode_arrow(table))
    work.store.delete(work.key(chunk_file(index)))


def choose(work: Workplace, n_chunks: int) -> Counts:
    """Take people by their hash, with the films that enough of them have rated."""
    if work.has(COUNTS_FILE):
        return Counts(**decode_json(work.read(COUNTS_FILE), COUNTS_FILE))
    movie, film_of_movie, films = _dump_films(work)
    sample = PeopleSample(MOST_PEOPLE)
    for index in range(n_chunks):
        found = decode_arrow(work.read(ratings_file(index)), work.key(ratings_file(index)))
        user, rated, rating, time = (np.asarray(column) for column in found.columns)
        where = np.minimum(np.searchsorted(movie, rated), len(movie) - 1)
        sample.add(user, np.where(movie[where] == rated, film_of_movie[where], -1), rating, time)
    people, kept = sample.people(FEWEST_RATINGS, MOST_FILMS)
    counts = Counts(sample.n_ratings, sample.n_people, len(people), len(kept))
    if len(people) < FEWEST_PEOPLE:
        raise DumpError(
            f"{counts.n_ratings} ratings of {counts.n_people} people, of whom {counts.n_taken} "
            f"rated a film that {FEWEST_RATINGS} did: a crowd is {FEWEST_PEOPLE} people or more. "
            "Take a larger dump."
        )
    work.write(PEOPLE_FILE, encode_people(people, films["film_id"].iloc[kept]))
    work.write(COUNTS_FILE, encode_json(counts))
    return counts


def make_crowd(work: Workplace, group: int | None) -> None:
    """Make the crowd outside of a group of people; None: of everybody."""
    if not work.has(crowd_file(group)):
        people, film_ids = _people(work)
        members = people.members()
        if group is not None:
            members = [m for m in members if group_of(m.user_id, N_GROUPS) != group]
        work.write(crowd_file(group), encode_crowd(crowd_of(members, len(film_ids))))


def people_to_learn_from(work: Workplace, place: Place) -> list[list[int]]:
    """Return whose rows are made, by group: the first by hash who played enough of the library.

    Raises
    ------
    DumpError
        There are too few.
    """
    people, _ = _people(work)
    in_library = np.isin(people.films, _rows_of_library(work, place))
    n_played = np.add.reduceat(in_library.astype(np.int64), people.bounds[:-1])
    enough = np.flatnonzero(n_played >= FEWEST_PLAYS)[:MOST_TRAINED]
    if len(enough) < FEWEST_PEOPLE:
        raise DumpError(
            f"Only {len(enough)} of {len(people)} people of the dump rated {FEWEST_PLAYS} films of "
            f"household {place.household!r}; {FEWEST_PEOPLE} are needed. Take a larger dump."
        )
    groups = [group_of(people.user_ids[i], N_GROUPS) for i in enough]
    return [enough[np.equal(groups, group)].tolist() for group in range(N_GROUPS)]


def make_rows(
    work: Workplace, place: Place, index: int, numbers: Sequence[int], group: int, seed: int
) -> None:
    """Make the rows of some people of one group."""
    if work.has(rows_file(index)):
        return
    people, _ = _people(work)
    catalogue, in_crowd = catalogue_of(features(place)), _rows_of_library(work, place)
    crowd = crowd_at(_crowd(work, group), in_crowd)
    made = []
    for number in numbers:
        member = people.member(number)
        history = _history(member, in_crowd, catalogue)
        made.append(of_any_household(training_rows_of(catalogue, crowd, history, seed)))
    work.write(rows_file(index), encode_rows(beneath(made)))


def fit(work: Workplace, n_parts: int, seed: int) -> None:
    """Fit the model on all rows."""
    if not work.has(MODEL_FILE):
        names = [rows_file(index) for index in range(n_parts)]
        rows = [decode_rows(work.read(name), work.key(name)) for name in names]
        work.write(MODEL_FILE, encode_model(PooledModel(random_state=seed).fit(rows)))


def publish(work: Workplace, summary: Mapping[str, Any]) -> Receipt:
    """Put the prior in the place of the one before."""
    pool = StoredPool(
        model=decode_model(work.read(MODEL_FILE), work.key(MODEL_FILE)),
        films=_films(work),
        everybody=_crowd(work, None),
        summary=summary,
    )
    return write_pool(work.store, PRIOR, pool)


def _dump_films(work: Workplace) -> tuple[Ints, Ints, pd.DataFrame]:
    """Return the dump's movies, ascending, the film that each is, and the films."""
    found = decode_arrow(work.read(FILMS_FILE), work.key(FILMS_FILE)).to_pandas()
    films = found.drop(columns="movie").drop_duplicates("film_id").assign(in_crowd=True)
    films = FILMS.from_arrow(FILMS.to_arrow(films))
    row = pd.Series(np.arange(len(films)), index=films["film_id"])
    return found["movie"].to_numpy(), row[found["film_id"]].to_numpy(dtype=np.int64), films


def _films(work: Workplace) -> pd.DataFrame:
    """Return the dump's films, those marked that the people are over."""
    _, _, films = _dump_films(work)
    _, film_ids = _people(work)
    return films.assign(in_crowd=films["film_id"].isin(film_ids))


@lru_cache(maxsize=1)
def _people(work: Workplace) -> tuple[SampledPeople, list[str]]:
    return decode_people(work.read(PEOPLE_FILE), work.key(PEOPLE_FILE))


@lru_cache(maxsize=1)
def _crowd(work: Workplace, group: int | None) -> Crowd:
    return decode_crowd(work.read(crowd_file(group)), work.key(crowd_file(group)))


@lru_cache(maxsize=1)
def _rows_of_library(work: Workplace, place: Place) -> Ints:
    movies = reader(place, FETCH).table(MOVIES_TABLE, MOVIES)
    return rows_over(_films(work), movies)


def _history(member: Member, in_crowd: Ints, catalogue: Catalogue) -> History:
    """Return a person of the dump as one of the household, who sees what the dump has."""
    visible = np.flatnonzero(in_crowd != UNKNOWN)
    played = visible[np.isin(in_crowd[visible], member.played)]
    liked = member.liked[np.searchsorted(member.played, in_crowd[played])]
    none = np.empty(0, dtype=np.int64)
    ids = catalogue.movie_ids[visible]
    history = History(member.user_id, played, liked, visible, ids, none, none)
    return history.thinned(catalogue.movie_ids)
