"""For which age a movie is: many countries' certificates on the American scale."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jfdask.features.incidence import dense_rows
from jfdask.features.stateless import Stateless

#: The scale, from the one for everybody; NR, not rated, has no rank.
LEVELS = ("G", "PG", "PG-13", "R", "NC-17", "NR")

# Spellings that do not name an age, upper case and without spaces. What stands after a
# country, as in AU-M, is looked up with the country first, then without.
_SPELLINGS = {
    "G": "G TV-G TV-Y U UC TP TOUS TOUSPUBLICS ALL AL A L LIVRE E T BTL ATP AA EVERYONE "
    "APPROVED PASSED",
    "PG": "PG IN-UA TV-PG TV-Y7 TV-Y7-FV TV-Y7FV GP M M/PG 6+",
    "PG-13": "PG-13 PG13 TV-14 AU-M NZ-M AU/M NZ/M",
    "R": "R TV-MA MA",
    "NC-17": "NC-17 IN-A NC17 X XXX AO",
    "NR": "NR NOTRATED UNRATED UR N/A NONE",
}
_LEVEL_OF = {form: level for level, forms in _SPELLINGS.items() for form in forms.split()}

_COUNTRY = re.compile(r"[A-Z]{2}[-/:](?=.)")
_AGE = re.compile(r"[A-Z]*[-/:]?(\d{1,2})[A+]?")

# The youngest age of each level: FSK and BBFC 12 stand beside PG-13, 15 and 16 beside R.
_YOUNGEST = ((18, "NC-17"), (15, "R"), (12, "PG-13"), (6, "PG"), (0, "G"))


class Certificate(Stateless):
    """The rank, 0 (G) to 4 (NC-17) and NaN without, and the level one-hot, NR among them.

    Examples
    --------
    >>> movies = pd.DataFrame({"official_rating": ["FSK-12", None]})
    >>> Certificate().fit(movies).transform(movies).toarray()
    array([[ 2.,  0.,  0.,  1.,  0.,  0.,  0.],
           [nan,  0.,  0.,  0.,  0.,  0.,  1.]])
    """

    def transform(self, movies: pd.DataFrame) -> csr_matrix:
        """Return (n_movies, 7) float64 with NaN."""
        spellings = movies["official_rating"].astype(object)
        # What is no text, NaN among it, equals nothing that was looked up.
        level_of = {spelling: certificate_level(spelling) for spelling in spellings.unique()}
        codes = np.array([LEVELS.index(level_of.get(s, "NR")) for s in spellings], dtype=np.int64)
        ranks = np.where(codes == LEVELS.index("NR"), np.nan, codes)
        return dense_rows([ranks, *(codes == i for i in range(len(LEVELS)))], len(movies))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return ``certificate__rank`` and ``certificate__G`` to ``certificate__NR``."""
        return np.array([f"certificate__{name}" for name in ("rank", *LEVELS)], dtype=object)


def certificate_level(spelling: object) -> str:
    """Return the level of a certificate as a server spells it; NR for what is not known.

    Examples
    --------
    >>> [certificate_level(s) for s in ("PG-13", "gb-15", "FSK 6", "AU-MA 15+", "soon", None)]
    ['PG-13', 'R', 'PG', 'R', 'NR', 'NR']
    """
    if not isinstance(spelling, str):
        return "NR"
    form = "".join(spelling.upper().split())
    for candidate in (form, _COUNTRY.sub("", form, count=1)):
        if candidate in _LEVEL_OF:
            return _LEVEL_OF[candidate]
        age = _AGE.fullmatch(candidate)
        if age:
            return next(level for youngest, level in _YOUNGEST if int(age[1]) >= youngest)
    return "NR"
