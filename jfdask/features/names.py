"""What the ids in feature names are called, for people to read."""

from __future__ import annotations

import pandas as pd

from jfdask.features.incidence import cells_of

_LISTS = (("person_ids", "person_names"), ("studio_ids", "studio_names"))


def display_names(movies: pd.DataFrame) -> dict[str, str]:
    """Return the name of every person, studio and collection by id.

    Where movies differ in a name, the movie with the smallest id has the say. An id without
    a name is left out.

    Parameters
    ----------
    movies
        MOVIES, sorted by movie_id.

    Examples
    --------
    >>> movies = pd.DataFrame({
    ...     "person_ids": [["p1"]], "person_names": [["Agnès Varda"]],
    ...     "studio_ids": [["s1"]], "studio_names": [["Ciné-Tamaris"]],
    ...     "collection_id": [None], "collection_name": [None],
    ... })
    >>> display_names(movies)
    {'p1': 'Agnès Varda', 's1': 'Ciné-Tamaris'}
    """
    names: dict[str, str] = {}
    for id_column, name_column in _LISTS:
        pairs = zip(cells_of(movies[id_column]), cells_of(movies[name_column]), strict=True)
        for ids, called in pairs:
            for one_id, name in zip(ids, called, strict=False):
                if one_id and name:
                    names.setdefault(one_id, name)
    collections = movies[["collection_id", "collection_name"]].dropna()
    for one_id, name in collections.itertuples(index=False):
        names.setdefault(one_id, name)
    return names
