"""What a movie is about, as FastText vectors (block of the method `seed`)."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jfdask.errors import TextModelError
from jfdask.features.fasttext_file import TextModel
from jfdask.features.incidence import cells_of
from jfdask.features.stateless import Stateless

# Letters and digits of any script. No underscores: FastText reads __label__x as a label.
_WORDS = re.compile(r"[^\W_]+")
# A column that no table has: what `with_words` puts beside the movies.
_WORDS_COLUMN = "words of all texts"


class TextVectors(Stateless):
    """The mean of the unit vectors of the words of title, overview and taglines.

    The words' vectors are a FastText model's, which is given to ``transform`` every time:
    it does not pickle and is large. A movie without words is a row of zeros.

    Parameters
    ----------
    n_dimensions
        Dimensions of the model's vectors; 0 makes a block without columns.
    """

    def __init__(self, n_dimensions: int = 0) -> None:
        self.n_dimensions = n_dimensions

    def transform(self, movies: pd.DataFrame, text_model: TextModel | None = None) -> csr_matrix:
        """Return (n_movies, n_dimensions) float64.

        Raises
        ------
        TextModelError
            There is no model, it has other dimensions, or it gives values that are not finite.
        """
        if self.n_dimensions == 0:
            return csr_matrix((len(movies), 0), dtype=np.float64)
        found = text_model.n_dimensions if text_model else None
        if text_model is None or found != self.n_dimensions:
            raise TextModelError(
                f"The features were fitted with a text model of {self.n_dimensions} dimensions, "
                f"but {'none' if found is None else f'one of {found}'} was given to transform: "
                "give the same model to both."
            )
        return csr_matrix(text_model.sentence_vectors(movie_words(movies)))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names ``text__0`` and so on."""
        return np.array([f"text__{i}" for i in range(self.n_dimensions)], dtype=object)


def words_of(*texts: object) -> list[str]:
    """Return the words of all texts, lower case and composed (NFC); what is no text is skipped.

    Examples
    --------
    >>> words_of("Léon: The __label__Professional", None, "Moves, silently.")
    ['léon', 'the', 'label', 'professional', 'moves', 'silently']
    >>> words_of("प्रेम कहानी")
    ['प्रेम', 'कहानी']
    """
    given = " ".join(text for text in texts if isinstance(text, str)).lower()
    if given.isascii():
        return _WORDS.findall(given)
    given = unicodedata.normalize("NFC", given)
    # What stands on letters and is none: vowel signs, accents without a letter of their own.
    marks = "".join(sign for sign in set(given) if unicodedata.category(sign) in ("Mn", "Mc"))
    if not marks:
        return _WORDS.findall(given)
    words = "".join(sign if sign.isalnum() or sign in marks else " " for sign in given).split()
    return [begun for word in words if (begun := word.lstrip(marks))]


def movie_words(movies: pd.DataFrame) -> list[list[str]]:
    """Return the words of each movie's title, overview and taglines.

    Examples
    --------
    >>> movies = pd.DataFrame({"name": ["Up"], "overview": [None], "taglines": [["Fly!"]]})
    >>> movie_words(movies)
    [['up', 'fly']]
    """
    if _WORDS_COLUMN in movies:
        return list(movies[_WORDS_COLUMN])
    columns = (movies["name"], movies["overview"], cells_of(movies["taglines"]))
    return [words_of(name, about, *lines) for name, about, lines in zip(*columns, strict=True)]


def movie_texts(movies: pd.DataFrame) -> list[str]:
    """Return a line for each movie: its words, one space between.

    Examples
    --------
    >>> movies = pd.DataFrame({"name": ["Up"], "overview": [None], "taglines": [["Fly!"]]})
    >>> movie_texts(movies)
    ['up fly']
    """
    return [" ".join(words) for words in movie_words(movies)]


def with_words(movies: pd.DataFrame) -> pd.DataFrame:
    """Return the movies with their words beside them, so that they are looked for only once."""
    words = pd.Series(movie_words(movies), index=movies.index, dtype=object)
    return movies.assign(**{_WORDS_COLUMN: words})
