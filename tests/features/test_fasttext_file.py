import gzip
import math
import struct
import tempfile

import fasttext
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jfdask.errors import TextModelError
from jfdask.features.fasttext_file import TextModel, load_text_model, text_dimensions


def test_dimensions_are_those_of_the_loaded_model(text_model_bytes):
    assert text_dimensions(text_model_bytes) == 8
    assert load_text_model(text_model_bytes).n_dimensions == 8


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_file_that_was_cut_is_noticed_before_fasttext_reads_it(text_model_bytes, share):
    cut = text_model_bytes[: int(share * len(text_model_bytes))]
    with pytest.raises(TextModelError, match="cut short"):
        load_text_model(cut)


def test_a_last_missing_byte_is_noticed(text_model_bytes):
    with pytest.raises(TextModelError, match="cut short"):
        text_dimensions(text_model_bytes[:-1])


def test_what_is_no_model_is_refused(text_model_bytes):
    for other in (gzip.compress(text_model_bytes), b"2 3\nfarm 0.1 0.2 0.3\n" * 20):
        with pytest.raises(TextModelError, match="no FastText file"):
            load_text_model(other)
    newer = text_model_bytes[:4] + struct.pack("<i", 99) + text_model_bytes[8:]
    with pytest.raises(TextModelError, match="unknown FastText version"):
        load_text_model(newer)
    wider = text_model_bytes[:8] + struct.pack("<i", 16) + text_model_bytes[12:]
    with pytest.raises(TextModelError, match="have 16 dimensions, and they have 8"):
        load_text_model(wider)


@pytest.mark.parametrize("where", [0.3, 0.9, 1.0])
def test_values_that_are_not_finite_are_noticed(text_model_bytes, where):
    # Nearly all of the file is numbers, four bytes each up to its end: all bits set is NaN.
    at = int(where * (len(text_model_bytes) - 8))
    broken = text_model_bytes[:at] + b"\xff" * 8 + text_model_bytes[at + 8 :]
    with pytest.raises(TextModelError, match="not finite"):
        load_text_model(broken)


TEXTS = [
    text.split()
    for text in ("a farm", "the farm of the man at the sea", "farm unheard", "", "sea", "a farm")
]


def test_vectors_are_fasttexts_own(text_model_bytes, tmp_path):
    (tmp_path / "model.bin").write_bytes(text_model_bytes)
    theirs = fasttext.load_model(str(tmp_path / "model.bin"))
    expected = np.array([theirs.get_sentence_vector(" ".join(text)) for text in TEXTS])
    assert np.linalg.norm(expected[0]) > 0
    ours = load_text_model(text_model_bytes).sentence_vectors(TEXTS)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)


def test_vectors_do_not_depend_on_the_other_texts(text_model_bytes):
    model = load_text_model(text_model_bytes)
    backwards = model.sentence_vectors(TEXTS[::-1])[::-1]
    alone = np.vstack([model.sentence_vectors([text]) for text in TEXTS])
    assert np.array_equal(model.sentence_vectors(TEXTS), backwards)
    assert np.array_equal(alone, backwards)
    assert model.sentence_vectors([]).shape == (0, 8)


def test_a_word_without_a_vector_counts_nowhere():
    class Sparse:
        def get_dimension(self):
            return 2

        def get_word_vector(self, word):
            return [0.0, 3.0] if word == "known" else [0.0, math.nan if word == "nan" else 0.0]

    texts = [["known", "zero", "nan", "known"], ["zero", "nan"]]
    assert TextModel(Sparse()).sentence_vectors(texts).tolist() == [[0, 1], [0, 0]]


def test_vectors_that_are_not_finite_are_counted():
    class Overflowing:
        def get_dimension(self):
            return 2

        def get_word_vector(self, word):
            return [0.0, math.inf if word == "much" else 1.0]

    model = TextModel(Overflowing())
    assert model.sentence_vectors([["little"]]).tolist() == [[0, 1]]
    with pytest.raises(TextModelError, match="not finite for 2 of 3 texts"):
        model.sentence_vectors([["much"], ["little"], ["much"]])


def test_no_file_stays_behind(text_model_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    load_text_model(text_model_bytes)
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_the_file_is_told(text_model_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(TextModelError, match="cannot be loaded"):
        load_text_model(text_model_bytes)
