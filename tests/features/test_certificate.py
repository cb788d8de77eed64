import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.features.certificate import LEVELS, Certificate, certificate_level

SPELLINGS = {
    "G": ["G", "TV-Y", "TV-G", "FSK-0", "DE-0", "GB-U", "U", "FR-U", "AU-G", "Approved", "Passed"],
    "PG": ["PG", "pg", "TV-PG", "TV-Y7", "FSK 6", "DE/6", "GB-PG", "AU-PG", "GP", "M/PG", "NL-6"],
    "PG-13": ["PG-13", "TV-14", "FSK-12", "GB-12A", "12A", "AU-M", "FR-12", "-12", "12", "CA-14A"],
    "R": ["R", " r ", "TV-MA", "FSK-16", "GB-15", "AU-MA 15+", "FR-16", "MA15+", "GB/15", "16+"],
    "NC-17": ["NC-17", "X", "FSK-18", "GB-18", "AU-R18+", "R18", "FR-18", "18+"],
    "NR": ["NR", "Not Rated", "NOT RATED", "Unrated", "US-NR", "", None, np.nan, "banned", "999"],
}


@pytest.mark.parametrize(
    ("level", "spelling"), [(level, s) for level, all_of in SPELLINGS.items() for s in all_of]
)
def test_spellings(level, spelling):
    assert certificate_level(spelling) == level


@given(st.one_of(st.text(max_size=8), st.from_regex(r"[A-Z]{0,3}[-/ ]?\d{0,3}\+?", fullmatch=True)))
def test_every_spelling_has_a_level(spelling):
    assert certificate_level(spelling) in LEVELS


def test_rank_and_flags(movies_of):
    movies = movies_of({"official_rating": "R"}, {"official_rating": "G"}, {})
    block = Certificate().fit(movies)
    assert block.get_feature_names_out().tolist() == [
        "certificate__rank",
        *(f"certificate__{level}" for level in LEVELS),
    ]
    expected = [[3, 0, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0, 0], [np.nan, 0, 0, 0, 0, 0, 1]]
    np.testing.assert_array_equal(block.transform(movies).toarray(), expected)


def test_no_movies(movies_of):
    assert Certificate().fit(movies_of()).transform(movies_of()).shape == (0, 7)
