"""FastText models as bytes: looked through before FastText sees them, loaded, asked for vectors.

FastText itself reads past the end of a file that was cut short: at best into noise, at worst
without end. So the bytes are walked here first, as far as their format allows:
``FastText::saveModel`` and ``Dictionary::save`` in https://github.com/facebookresearch/fastText.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from itertools import chain

import fasttext
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jfdask.errors import TextModelError

_MAGIC, _NEWEST_VERSION = 793712314, 12
_HEAD = struct.Struct("<ii12id")  # magic, version, twelve arguments, sampling threshold
_DICTIONARY = struct.Struct("<iiiqq")  # entries, words, labels, tokens, pruned indices
_MATRIX = struct.Struct("<qq")
_PIECE = 4 * 2**22  # bytes looked at at once: a model may be larger than what memory is left


class TextModel:
    """A loaded FastText model; it does not pickle: send its bytes and load them there."""

    def __init__(self, model: fasttext.FastText._FastText) -> None:
        self._model = model
        self.n_dimensions: int = model.get_dimension()

    def sentence_vectors(self, texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Return (n_texts, n_dimensions): the mean of each text's unit word vectors.

        Parameters
        ----------
        texts
            The words of each, as ``jfdask.features.text.words_of`` returns them.

        Raises
        ------
        TextModelError
            A vector is not finite.
        """
        # What FastText's own getSentenceVector does, but each word is looked up once, not as
        # often as it stands in the texts. Words are added up in the order of the text, so that
        # a text's vector does not depend, to the last bit, on which texts it comes with.
        ends = np.cumsum([0, *map(len, texts)])
        codes, distinct = pd.factorize(np.array(list(chain.from_iterable(texts)), dtype=object))
        units, known = self._unit_vectors(distinct.tolist())
        standing = known[codes].astype(np.float64)
        in_texts = csr_matrix((standing, codes, ends), shape=(len(texts), len(distinct)))
        n_known = np.asarray(in_texts.sum(axis=1)).reshape(-1, 1)
        vectors: NDArray[np.float64] = (in_texts @ units) / np.maximum(n_known, 1.0)
        n_broken = int((~np.isfinite(vectors).all(axis=1)).sum())
        if n_broken:
            raise TextModelError(
                f"The text model gives values that are not finite for {n_broken} of "
                f"{len(texts)} texts: train or fetch it again."
            )
        return vectors

    def _unit_vectors(self, words: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return (n_words, n_dimensions), and which words have a vector: others count nowhere."""
        vectors = np.zeros((len(words), self.n_dimensions), dtype=np.float64)
        for row, word in enumerate(words):
            vectors[row] = self._model.get_word_vector(word)
        norms = np.linalg.norm(vectors, axis=1)
        known = norms > 0
        with np.errstate(invalid="ignore"):  # inf / inf: the caller looks for what is not finite
            vectors[known] /= norms[known, np.newaxis]
        vectors[~known] = 0.0
        return vectors, known


def load_text_model(data: bytes) -> TextModel:
    """Return the model that a .bin or .ftz file's bytes hold.

    FastText reads from a path only, so the bytes pass through a temporary file, which is gone
    when this returns: the one place where this room touches a disk.

    Raises
    ------
    TextModelError
        The bytes are no FastText model, or not a whole one, or there is no room to load it.
    """
    text_dimensions(data)
    try:
        with tempfile.NamedTemporaryFile(prefix="jfdask-", suffix=".bin") as file:
            file.write(data)
            file.flush()
            return TextModel(fasttext.load_model(file.name))
    except (OSError, MemoryError, RuntimeError, ValueError) as error:
        raise TextModelError(f"The text model cannot be loaded: {error}.") from error


def text_dimensions(data: bytes) -> int:
    """Return the dimensions of a model's vectors, read from its bytes, and check these.

    Raises
    ------
    TextModelError
        The bytes are no FastText model, or not a whole one, or hold values that are not
        finite. (The compressed matrices of a .ftz file are not looked into.)
    """
    try:
        magic, version, dimensions, *_ = _HEAD.unpack_from(data)
        if magic != _MAGIC:
            raise TextModelError(
                "The text model is no FastText file: give a .bin or .ftz file, not its .vec or .gz."
            )
        if version > _NEWEST_VERSION or dimensions < 1:
            raise TextModelError(f"The text model is of an unknown FastText version ({version}).")
        _check_matrices(data, _end_of_dictionary(data), dimensions)
    except (struct.error, IndexError):
        raise _cut_short(data) from None
    return int(dimensions)


def _end_of_dictionary(data: bytes) -> int:
    n_entries, _, _, _, n_pruned = _DICTIONARY.unpack_from(data, _HEAD.size)
    at = _HEAD.size + _DICTIONARY.size
    for _ in range(n_entries):
        end = data.find(b"\0", at)
        if end < 0:
            raise _cut_short(data)
        at = end + 1 + 8 + 1  # the word's end, its count, its kind
    return at + 8 * max(n_pruned, 0)


def _check_matrices(data: bytes, at: int, dimensions: int) -> None:
    if data[at]:  # compressed matrices, whose size is not told in front
        return
    for _ in ("input", "output"):
        n_rows, n_columns = _MATRIX.unpack_from(data, at + 1)
        if n_columns != dimensions:
            raise TextModelError(
                f"The text model says that its vectors have {dimensions} dimensions, and they have "
                f"{n_columns}: train or fetch it again."
            )
        start, at = at + 1 + _MATRIX.size, at + 1 + _MATRIX.size + 4 * n_rows * n_columns
        if at > len(data):
            raise _cut_short(data)
        # FastText passes over a word whose vector is NaN: the texts would just be empty.
        for piece in range(start, at, _PIECE):
            values = np.frombuffer(data, "<f4", (min(piece + _PIECE, at) - piece) // 4, piece)
            if not np.isfinite(values).all():
                raise TextModelError(
                    "The text model holds values that are not finite: train or fetch it again."
                )


def _cut_short(data: bytes) -> TextModelError:
    return TextModelError(
        f"The text model is cut short at {len(data)} bytes: train or fetch it again."
    )
