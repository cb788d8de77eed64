"""On whose library the model is learned: that with the most films of the dump."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jfdask.errors import DamagedArtifact, DumpError, MissingArtifact, NewerArtifact
from jfdask.model.films import positions_of
from jfdask.stages.files import FEATURIZE, FETCH, MOVIES_TABLE
from jfdask.stages.places import Place
from jfdask.stages.unit_tasks import reader
from jfdask.store.documents import encode_json
from jfdask.store.filesystem import Store, sha256_of
from jfdask.store.keys import MANIFEST, run_key
from jfdask.store.manifests import Manifest, load_unit
from jfdask.store.runs import run_ids
from jfdask.tables import MOVIES

logger = logging.getLogger(__name__)

#: Films that a library and a dump must have in common.
FEWEST_IN_COMMON = 200


@dataclass(frozen=True)
class Home:
    """A household with features, in the newest run that made them."""

    place: Place
    library: str  # digest of its movies and features; a manifest has times

    @property
    def name(self) -> str:
        """The household's name."""
        return self.place.household


def featurized_homes(store: Store, wanted: Sequence[str]) -> list[Home]:
    """Return the households with features, sorted by name.

    Parameters
    ----------
    wanted
        Names; empty: all.

    Raises
    ------
    MissingArtifact
        There is none.
    """
    found: dict[str, Home] = {}
    for run_id in run_ids(store):
        for name in store.children(run_key(run_id, FEATURIZE)):
            if name == MANIFEST or name in found or (wanted and name not in wanted):
                continue
            try:
                unit = load_unit(store, run_id, FEATURIZE, name)
                fetched = load_unit(store, run_id, FETCH, name)
            except MissingArtifact:
                continue
            except (DamagedArtifact, NewerArtifact) as error:
                logger.warning("%s", error)
                continue
            found[name] = Home(Place(store.address, run_id, name), _digest(fetched, unit))
    if not found:
        whose = f"of household {' or '.join(wanted)}" if wanted else "of any household"
        raise MissingArtifact(
            f"There are no features {whose} in {store.url}: a prior is learned over a library. Run "
            "first: jfdask fetch, jfdask featurize (or the whole night: jfdask run)."
        )
    return [found[name] for name in sorted(found)]


def films_in_common(homes: Sequence[Home], films: pd.DataFrame) -> dict[str, int]:
    """Return how many of the dump's films each household has, by name.

    Raises
    ------
    DumpError
        None has enough of them to learn from.
    """
    common = {home.name: _in_common(home, films) for home in homes}
    if max(common.values()) < FEWEST_IN_COMMON:
        raise DumpError(
            f"{told(common)}, of {len(films)} films of the dump: at least {FEWEST_IN_COMMON} are "
            "needed to learn from. Do the movies have Tmdb or Imdb ids in Jellyfin?"
        )
    return common


def best_of(homes: Sequence[Home], common: Mapping[str, int]) -> Home:
    """Return the household with the most films of the dump, the first by name of several."""
    return max(homes, key=lambda home: common[home.name])


def told(common: Mapping[str, int]) -> str:
    """Return how many films each household has in common with the dump, in words."""
    return "; ".join(f"Household {name!r} has {n}" for name, n in sorted(common.items()))


def _in_common(home: Home, films: pd.DataFrame) -> int:
    movies = reader(home.place, FETCH).table(MOVIES_TABLE, MOVIES)
    found = positions_of(films, movies)
    return len(np.unique(found[found >= 0]))


def _digest(fetched: Manifest, featurized: Manifest) -> str:
    # The ids by which films are found are in no feature.
    movies = fetched.files[MOVIES_TABLE].sha256
    return sha256_of(encode_json([movies, featurized.checksums()]))
